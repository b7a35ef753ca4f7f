import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * Five vendors that answer at once with what a satisfied vendor answers. They note, per event id, when the fifth request
 * arrived: the end of what the benchmark times.
 */
export interface InstantVendors {
  url: string;
  /** When the last of an event's five requests arrived, in ms of performance.now(); absent = fewer than five so far. */
  arrivedAt: Map<string, number>;
  requests: () => number;
  events: () => number;
  reset: () => void;
  close: () => Promise<void>;
}

const ID = /"(?:event_id|transaction_id)":"([^"]+)"/g;

export async function startInstantVendors(eventIdOf: (found: string) => string): Promise<InstantVendors> {
  const arrivedAt = new Map<string, number>();
  const seen = new Map<string, number>();
  let requests = 0;
  let events = 0;
  const server: Server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => body += chunk);
    request.on("end", () => {
      const now = performance.now();
      requests++;
      const ids = [...new Set([...body.matchAll(ID)].map((match) => eventIdOf(match[1]!)))];
      for (const id of ids) {
        events++;
        const count = (seen.get(id) ?? 0) + 1;
        seen.set(id, count);
        if (count === 5) {
          seen.delete(id);
          arrivedAt.set(id, now);
        }
      }
      response.setHeader("content-type", "application/json");
      response.end(answerTo(request.url!, ids.length));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrivedAt,
    requests: () => requests,
    events: () => events,
    reset: () => {
      arrivedAt.clear();
      seen.clear();
      requests = 0;
      events = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** What a satisfied vendor answers to `count` events at this path. */
export function answerTo(path: string, count: number): string {
  if (path.startsWith("/v25")) {
    return JSON.stringify({ events_received: count, messages: [], fbtrace_id: "x" });
  }
  if (path.startsWith("/open_api")) return '{"code":0,"message":"OK","request_id":"x","data":{}}';
  if (path.startsWith("/v5")) {
    const events = Array.from(
      { length: count },
      () => ({ status: "processed", error_message: null, warning_message: null }),
    );
    return JSON.stringify({ num_events_received: count, num_events_processed: count, events });
  }
  if (path.startsWith("/v3")) return '{"status":"VALID"}';
  return "";
}
