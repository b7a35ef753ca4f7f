import { Buffer } from "node:buffer";
import process from "node:process";
import type { Input } from "./inputs.ts";
import type { Door } from "./world.ts";

/** Most CPU an answer may take (ms). */
export const CPU_LIMIT_MS = 100;

export type Tried =
  /** No client can send it, or the gateway has no function for it. */
  | { kind: "not_sent" }
  | { kind: "answered"; status: number; cpuMs: number }
  | { kind: "found"; what: string };

function requestOf(input: Input): Request | null {
  const takesBody = input.method !== "GET" && input.method !== "HEAD";
  try {
    return new Request(`http://edge.test${input.target}`, {
      method: input.method,
      headers: input.headers,
      ...(takesBody && input.body ? { body: input.body as Uint8Array<ArrayBuffer> } : {}),
    });
  } catch {
    return null;
  }
}

/** Gives an input to its function: a throw, a 5xx, an error in the log or an answer that takes too much CPU is a find. */
export async function tryInput(door: Door, input: Input): Promise<Tried> {
  const first = await answer(door, input);
  if (first.kind !== "answered" || first.cpuMs <= CPU_LIMIT_MS) return first;
  // this thread may have had garbage to collect or code to compile: what is slow is slow each time
  let least = first.cpuMs;
  for (let time = 0; time < 3; time++) {
    const again = await answer(door, input);
    if (again.kind === "answered") least = Math.min(least, again.cpuMs);
  }
  return least > CPU_LIMIT_MS
    ? { kind: "found", what: `an answer took ${Math.round(least)} ms of CPU` }
    : first;
}

async function answer(door: Door, input: Input): Promise<Tried> {
  const handle = door.handlerOf(input.target);
  const request = handle && requestOf(input);
  if (!handle || !request) return { kind: "not_sent" };
  const before = process.threadCpuUsage();
  try {
    const response = await handle(request);
    await response.arrayBuffer();
    const { user, system } = process.threadCpuUsage(before);
    await door.settled();
    const [error] = door.errors();
    if (error) return { kind: "found", what: `an error was logged: ${error}` };
    if (!(response.status < 500)) return { kind: "found", what: `the answer was ${response.status}` };
    return { kind: "answered", status: response.status, cpuMs: (user + system) / 1000 };
  } catch (error) {
    return { kind: "found", what: `it threw: ${error instanceof Error ? error.stack : String(error)}` };
  }
}

/** An input as text, to be read and sent again. */
export function described(input: Input): string {
  const { body, ...rest } = input;
  return JSON.stringify({ ...rest, body: body && Buffer.from(body).toString("base64") });
}
