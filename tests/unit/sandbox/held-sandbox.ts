/** A sandbox per test on a free port, with a clock, luck and sleep that the test holds. */
import { setImmediate } from "node:timers";
import { afterEach, beforeEach } from "vitest";
import { startVendorSandbox, type VendorSandbox } from "@trakit/sandbox/vendors/server.ts";
import type { VendorName } from "@trakit/sandbox/vendors/names.ts";
import { type Body, type Change, NOW, request } from "./requests.ts";

export interface Held {
  sandbox: VendorSandbox;
  /** Sleeps asked for and not yet ended. */
  slept: { ms: number; wake: () => void }[];
  /** The next random number. */
  luck: number;
  post(vendor: VendorName, change?: Change): Promise<Response>;
  control(method: string, path: string, body?: unknown): Promise<{ status: number; json: Body }>;
}

/** Registers the hooks; the fields of the result are new in each test. */
export function holdSandbox(): Held {
  const held = {
    post(vendor: VendorName, change: Change = {}) {
      const { target, init } = request(vendor, change);
      return fetch(held.sandbox.url + target, init);
    },
    async control(method: string, path: string, body?: unknown) {
      const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
      const answer = await fetch(held.sandbox.url + path, init);
      const text = await answer.text();
      return { status: answer.status, json: text === "" ? null : JSON.parse(text) };
    },
  } as Held;
  beforeEach(async () => {
    held.slept = [];
    held.luck = 0;
    held.sandbox = await startVendorSandbox({
      port: 0,
      now: () => NOW,
      random: () => held.luck,
      sleep: (ms) => new Promise((wake) => held.slept.push({ ms, wake })),
    });
  });
  afterEach(() => held.sandbox.close());
  return held;
}

/** Waits for what a server does a moment after its client noticed; fails with the test's own time limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
