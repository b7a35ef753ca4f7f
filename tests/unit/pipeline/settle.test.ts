import { describe, expect, test } from "vitest";
import { EXAMPLE_CLIENT, EXAMPLE_NOW, exampleEvent } from "@trakit/destinations/shared/example-event.ts";
import { type Database, DatabaseUnavailable } from "@trakit/db/connection.ts";
import { pipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { dispatch } from "@trakit/pipeline/dispatch/dispatch.ts";
import { LEASE_SECONDS } from "@trakit/pipeline/ports.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { Slots } from "@trakit/runtime/slots.ts";

const KEYS = [{ id: "k1", key: new Uint8Array(32).fill(7) }];
const SHOP = "0b8a6d0e-5c1f-4c5e-9a31-6f5f2f2d9c11";

/** A dispatch of purchases to Meta whose clock moves only where it waits; `settle` is the database. */
function dispatching(settle: (outcomes: { event_row: number }[]) => unknown) {
  let clock = 5_000;
  const pauses: number[] = [];
  const calls: number[][] = [];
  const logged: [string, unknown][] = [];
  let requests = 0;
  const db: Database = {
    rows: <Row extends object>(_: string, values?: readonly unknown[]) => {
      const outcomes = JSON.parse(String(values![1])) as { event_row: number }[];
      calls.push(outcomes.map(({ event_row }) => event_row));
      return Promise.resolve().then(() => [{ result: settle(outcomes) }] as unknown as Row[]);
    },
    close: () => Promise.resolve(),
  };
  const deps = pipelineDependencies({
    db,
    send: createSend(
      byFetch(() => {
        requests++;
        return Promise.resolve(new Response(JSON.stringify({ events_received: 1 }), { status: 200 }));
      }),
      { timeoutMs: 1_000, now: () => EXAMPLE_NOW },
    ),
    now: () => EXAMPLE_NOW,
    monotonic: () => clock,
    pause: (ms) => {
      pauses.push(ms);
      clock += ms;
      return Promise.resolve();
    },
    random: () => 0.5,
    keys: KEYS,
    vendorHosts: {},
    slots: new Slots(10),
    log: {
      info() {},
      warn() {},
      error: (event: string, fields: unknown) => logged.push([event, fields]),
    } as never,
  });
  const send = (event_row: number) =>
    dispatch(deps, [{
      shopId: SHOP,
      destination: {
        platform: "meta",
        settings: { id: "1234567890123456" },
        test_code: null,
        sealed: seal(KEYS, "tkn-0123456789", tokenSubject(SHOP, "meta")),
        version: 1,
      },
      sends: [{
        captured_at: "2026-03-14T09:26:53Z",
        event_row,
        destination_id: "d",
        lease: `lease-${event_row}`,
        limited: false,
        leasedAt: 5_000,
        attempts: 1,
        doubts: 0,
        event: exampleEvent("page_viewed", {
          event_id: `event-${event_row}`,
          page: { url: "https://mugs.example/", referrer: null, title: null },
          client: EXAMPLE_CLIENT,
        }),
      }],
    }]);
  return { send, pauses, calls, logged, requests: () => requests };
}
const away = () => {
  throw new DatabaseUnavailable("the database is out of reach");
};

describe("what was sent is settled", () => {
  test("as soon as the database is back, with growing pauses, and is not sent again meanwhile", async () => {
    let outage = 5;
    const { send, pauses, calls, logged, requests } = dispatching(() =>
      outage-- > 0 ? away() : { settled: 1, late: 0 }
    );
    expect(await send(1)).toEqual({ delivered: 1 });
    expect(calls).toEqual(Array(6).fill([1]));
    expect(pauses).toEqual([150, 300, 600, 1_200, 2_250]);
    expect(requests()).toBe(1);
    expect(logged).toEqual([]);
  });

  test("until its lease ends, and no longer: whoever claims it then sends it", async () => {
    const { send, pauses, logged } = dispatching(away);
    await send(1);
    const waited = pauses.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeGreaterThan((LEASE_SECONDS - 3) * 1_000);
    expect(waited).toBeLessThan(LEASE_SECONDS * 1_000);
    expect(logged).toMatchObject([["settle_failed", { deliveries: 1 }]]);
  });

  test("once, where the database is there and refuses it: a bug is no outage", async () => {
    const { send, calls, pauses, logged } = dispatching(() => {
      throw Object.assign(new Error("refused"), { code: "22P05", severity: "ERROR" });
    });
    await send(1);
    expect(calls).toEqual([[1]]);
    expect(pauses).toEqual([]);
    expect(logged).toMatchObject([["settle_failed", { deliveries: 1 }]]);
  });

  test("also where it went together with one the database refuses", async () => {
    const { send, calls, logged } = dispatching((outcomes) => {
      if (outcomes.some(({ event_row }) => event_row === 2)) {
        throw Object.assign(new Error("refused"), { code: "22P05", severity: "ERROR" });
      }
      return { settled: outcomes.length, late: 0 };
    });
    await Promise.all([1, 2, 3].map(send));
    expect(new Set(calls.filter((rows) => !rows.includes(2)).flat())).toEqual(new Set([1, 3]));
    expect(logged).toMatchObject([["settle_failed", { deliveries: 1 }]]);
  });
});
