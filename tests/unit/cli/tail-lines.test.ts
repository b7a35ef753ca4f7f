import { describe, expect, test } from "vitest";
import type { TailDelivery, TailEvent } from "@trakit/db/calls/tail-deliveries.ts";
import { TailLines } from "@trakit/cli/tail-lines.ts";

const NOW = Date.parse("2026-03-14T09:27:00.000Z");
const paint = (_: unknown, text: string) => text;

function delivery(platform: string, rest: Partial<TailDelivery> = {}): TailDelivery {
  return {
    platform,
    state: "delivered",
    reason: "accepted",
    detail: null,
    http_status: 200,
    attempts: 1,
    next_attempt_at: null,
    settled_at: "2026-03-14T09:26:59.512Z",
    request_ms: 9,
    latency_ms: 12,
    ...rest,
  };
}

function event(row: number, deliveries: TailDelivery[], ageMs = 500): TailEvent {
  return {
    captured_at: new Date(NOW - ageMs).toISOString(),
    event_row: row,
    name: "checkout_completed",
    event_id: `e${row}`,
    channel: "web",
    browser: false,
    webhook: true,
    test: false,
    order_name: `#${row}`,
    total: "49.90",
    currency: "EUR",
    deliveries,
  };
}

const waiting = delivery("meta", {
  state: "pending",
  reason: null,
  attempts: 1,
  settled_at: null,
  latency_ms: null,
});

describe("trakit tail", () => {
  test("an event and each of its deliveries get a line, once", () => {
    const printer = new TailLines(paint);
    const events = [
      event(1, [delivery("meta"), delivery("tiktok", { state: "skipped", reason: "no_consent" })]),
    ];
    const lines = printer.lines(events, NOW, false);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/checkout_completed {2}#1 {2}49\.90 EUR {2}from Shopify/);
    expect(lines[1]).toMatch(/✓ meta +12 ms \(vendor 9 ms\)/);
    expect(lines[2]).toContain("skipped: no_consent");
    expect(printer.lines(events, NOW, false)).toEqual([]);
  });

  test("what is just being sent is not worth a line until it ends or waits", () => {
    const printer = new TailLines(paint);
    expect(printer.lines([event(1, [waiting])], NOW, false)).toEqual([]);
    expect(printer.lines([event(1, [delivery("meta")])], NOW, false)).toHaveLength(2);
    const late = new TailLines(paint).lines([event(1, [waiting], 3_000)], NOW, false);
    expect(late[1]).toMatch(/… meta/);
    expect(new TailLines(paint).lines([event(1, [waiting])], NOW, true)).toHaveLength(2);
  });

  test("a delivery that ends later is shown under its event again", () => {
    const printer = new TailLines(paint);
    const retry = {
      ...waiting,
      reason: "server_error",
      http_status: 503,
      next_attempt_at: "2026-03-14T09:27:10.000Z",
    };
    expect(printer.lines([event(1, [retry], 3_000)], NOW, false)[1]).toContain(
      "server_error (503), waits until",
    );
    printer.lines([event(2, [delivery("meta")])], NOW, false);
    const lines = printer.lines([event(1, [delivery("meta", { attempts: 2 })], 3_000)], NOW, false);
    expect(lines[0]).toContain("#1");
    expect(lines[1]).toContain("after 2 attempts");
  });

  test("an event nobody is sent says so", () => {
    expect(new TailLines(paint).lines([event(1, [], 3_000)], NOW, false)[1]).toContain("no destination");
  });

  test("a vendor's words cannot steer the terminal", () => {
    const lines = new TailLines(paint).lines(
      [event(1, [delivery("meta", { state: "failed", reason: "invalid_event", detail: "\x1b[2Jgone\r" })])],
      NOW,
      false,
    );
    // deno-lint-ignore no-control-regex
    expect(lines.join("")).not.toMatch(/[\x00-\x1f]/);
  });
});
