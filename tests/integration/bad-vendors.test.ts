/** Vendors that answer nonsense, over real sockets and through both of our ways to send: bounded, recorded, never obeyed. */
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer as createRawServer, type Server } from "node:net";
import process from "node:process";
import { afterAll, describe, expect, test } from "vitest";
import { SEND_TIMEOUT_MS } from "@trakit/pipeline/ports.ts";
import { byFetch, createSend, type Exchange } from "@trakit/runtime/send.ts";
import { EMPTY_IDENTIFIERS } from "@trakit/core/event.ts";
import type { Database } from "@trakit/db/connection.ts";
import type { Settlement } from "@trakit/db/calls/settle-deliveries.ts";
import { destination } from "@trakit/destinations/registry.ts";
import { sendAll } from "@trakit/pipeline/dispatch/send-all.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import { byUndici } from "@trakit/worker/http-exchange.ts";
import { backlogWorld, DEMO_PLATFORMS, KEYS, purchase } from "../support/backlog.ts";

const DAY_MS = 86_400_000;
const SHOP = "00000000-0000-4000-8000-000000000001";
const servers: (Server | HttpServer)[] = [];
const sockets = new Set<{ destroy: () => void }>();
let elsewhere = 0;

function listen(server: Server | HttpServer): Promise<string> {
  servers.push(server);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  );
}

/** Answers every request on a socket with these bytes, written as they are; `end` closes it after them. */
function raw(answer: string | (() => string), end = true): Promise<string> {
  return listen(createRawServer((socket) => {
    socket.once("data", () => {
      socket.write(typeof answer === "string" ? answer : answer());
      if (end) socket.end();
    });
  }));
}

/** Writes as long as anybody reads, up to `bytes`. */
function stream(head: string, bytes: number): Promise<string> {
  const piece = "x".repeat(65_536);
  return listen(createRawServer((socket) => {
    let written = 0;
    const more = () => {
      while (written < bytes && !socket.destroyed) {
        written += piece.length;
        if (!socket.write(piece)) return;
      }
      if (written >= bytes) socket.end();
    };
    socket.on("drain", more);
    socket.once("data", () => (socket.write(head), more()));
  }));
}

const other = await listen(createServer((_, response) => (elsewhere++, response.end("{}"))));
const head = (status: string, ...lines: string[]) => [`HTTP/1.1 ${status}`, ...lines, "", ""].join("\r\n");
const json = "content-type: application/json";

/** What it does, and which kinds of outcome are right. */
const VENDORS: [string, Promise<string>, RegExp][] = [
  ["streams for ever with 200", stream(head("200 OK", json), Infinity), /^in_doubt answer_too_large$/],
  ["streams for ever with 500", stream(head("500 No", json), Infinity), /^retry server_error$/],
  [
    "answers 50 MB",
    stream(head("200 OK", json, "content-length: 52428800"), 52_428_800),
    /^in_doubt answer_too_large$/,
  ],
  [
    "answers 200 with half a JSON",
    raw(head("200 OK", json, "content-length: 9") + '{"event_i'),
    /^(delivered accepted|in_doubt result_unclear)$/,
  ],
  [
    "answers 200 with bytes that are no UTF-8",
    raw(() => head("200 OK", `${json}; charset=utf-16`, "content-length: 4") + "\xff\xfe{\u0000"),
    /^(delivered accepted|in_doubt \w+)$/,
  ],
  [
    "redirects to another host",
    raw(head("302 Found", `location: ${"http://elsewhere.invalid"}`, "content-length: 0")),
    /^retry redirected$/,
  ],
  [
    "redirects for good",
    raw(head("308 Permanent Redirect", `location: ${other}/v25.0/x`, "content-length: 0")),
    /^retry redirected$/,
  ],
  [
    "promises more bytes than it sends",
    raw(head("200 OK", json, "content-length: 500") + "{}"),
    /^in_doubt connection_lost$/,
  ],
  [
    "sends more bytes than it promised",
    raw(head("503 Busy", json, "content-length: 2") + "{}" + "GARBAGE".repeat(10)),
    /^(retry server_error|in_doubt connection_lost)$/,
  ],
  ["answers something that is not HTTP", raw("SSH-2.0-OpenSSH_9\r\n"), /^in_doubt connection_lost$/],
  ["closes without a word", raw(""), /^in_doubt connection_lost$/],
  [
    "asks to come back in a year",
    raw(head("429 Slow", "retry-after: 31536000", "content-length: 0")),
    /^retry throttled$/,
  ],
  [
    "asks to come back at nonsense",
    raw(head("429 Slow", "retry-after: soon, maybe -1e99", "content-length: 0")),
    /^retry throttled$/,
  ],
  [
    "asks to come back before now",
    raw(head("503 Busy", "retry-after: Thu, 01 Jan 1970 00:00:00 GMT", "content-length: 0")),
    /^retry server_error$/,
  ],
  [
    "asks to come back after 9e99 seconds",
    raw(head("503 Busy", `retry-after: ${"9".repeat(100)}`, "content-length: 0")),
    /^retry server_error$/,
  ],
  [
    "answers with a status there is not",
    raw(head("799 Odd", "content-length: 0")),
    /^(retry|permanent|in_doubt) \w+$/,
  ],
];

const nothing = {
  rows: () => Promise.reject(new Error("no database here")),
  close: () => Promise.resolve(),
} as Database;

async function settled(platform: string, url: string, exchange: Exchange): Promise<Settlement> {
  const rules = destination(platform)!;
  const demo = DEMO_DESTINATIONS[platform]!;
  const { deps } = backlogWorld(nothing, url, {
    send: createSend(exchange, { timeoutMs: SEND_TIMEOUT_MS, now: Date.now }),
  });
  const [one] = await sendAll(deps, {
    shopId: SHOP,
    destination: {
      platform,
      settings: rules.settings.parse({ id: demo.id }) as Record<string, unknown>,
      test_code: null,
      sealed: seal(KEYS, demo.token, tokenSubject(SHOP, platform)),
      version: 1,
    },
    sends: [{
      captured_at: new Date().toISOString(),
      event_row: 1,
      destination_id: SHOP,
      lease: SHOP,
      limited: false,
      attempts: 1,
      doubts: 0,
      leasedAt: performance.now(),
      event: { ...purchase(1), identifiers: { ...EMPTY_IDENTIFIERS, ga_client_id: "1.1795480000" } },
    }],
  });
  return one!;
}

afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

describe.each([["fetch", byFetch(fetch)], ["the worker's client", byUndici()]] as const)(
  "by %s, a vendor that",
  (_, exchange) => {
    test.each(VENDORS)("%s", async (_what, address, expected) => {
      const url = await address;
      const before = process.memoryUsage().rss;
      for (const platform of DEMO_PLATFORMS) {
        const started = performance.now();
        const one = await settled(platform, url, exchange);
        const said = `${one.kind} ${one.reason}`;
        // a vendor without event ids ends a doubt at once
        if (said !== "permanent outcome_unknown") expect(said, platform).toMatch(expected);
        // not for ever, and far from it
        expect(performance.now() - started, platform).toBeLessThan(60_000);
        expect((one.detail ?? "").length).toBeLessThanOrEqual(500);
        expect(JSON.stringify(one)).not.toContain(DEMO_DESTINATIONS[platform]!.token);
        if (one.delay_ms !== null) {
          expect(one.delay_ms).toBeGreaterThanOrEqual(1_000);
          expect(one.delay_ms).toBeLessThanOrEqual(DAY_MS);
        }
      }
      expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
      expect(elsewhere, "a redirect was followed").toBe(0);
    });
  },
);

test("the redirect leads somewhere that would have been reached", async () => {
  expect((await fetch(other)).status).toBe(200);
  expect(elsewhere).toBe(1);
});

test("a worker keeps its connection to a vendor, and loses no request to one that closes without a word", async () => {
  const connections: unknown[] = [];
  let keep = true;
  const server = createServer((request, response) => {
    response.end("{}");
    // says nothing of it in the answer's head
    if (!keep) request.socket.end();
  });
  server.on("connection", (socket) => connections.push(socket));
  const url = await listen(server);
  const exchange = byUndici();
  const post = async () => {
    const request = { method: "POST", url, headers: {}, body: "{}" } as const;
    await (await exchange(request, AbortSignal.timeout(5_000))).arrayBuffer();
  };
  for (let count = 0; count < 20; count++) await post();
  expect(connections.length).toBeLessThan(5);
  keep = false;
  for (let count = 0; count < 20; count++) await post();
  expect(connections.length).toBeGreaterThan(15);
});
