import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import type { JsonObject } from "@trakit/destinations/destination.ts";
import { EXAMPLE_CLIENT, EXAMPLE_NOW, exampleEvent } from "@trakit/destinations/shared/example-event.ts";
import type { OutgoingRequest } from "@trakit/runtime/send.ts";
import type { World } from "@trakit/pipeline/ports.ts";
import { KnownTrouble } from "@trakit/pipeline/dispatch/known-trouble.ts";
import { type Send, sendAll } from "@trakit/pipeline/dispatch/send-all.ts";
import { seal, tokenSubject } from "@trakit/runtime/seal.ts";
import { Slots } from "@trakit/runtime/slots.ts";

const KEYS = [{ id: "k1", key: new Uint8Array(32).fill(7) }];
const SHOP = "0b8a6d0e-5c1f-4c5e-9a31-6f5f2f2d9c11";
const BAD_FBC = { error: { code: 100, error_subcode: 2804001, message: "Invalid parameter" } };

/** Meta as a function from the events of a request to an answer; every request is kept. */
function meta(
  answer: (events: JsonObject[]) => { status: number; body: unknown },
  clock: () => number = () => EXAMPLE_NOW,
) {
  const requests: JsonObject[][] = [];
  const world = {
    send: async (request: OutgoingRequest) => {
      const { data } = JSON.parse(request.body) as { data: JsonObject[] };
      requests.push(data);
      const { status, body } = answer(data);
      return await Promise.resolve(
        { kind: "answer", status, headers: {}, body: JSON.stringify(body), cut: false, ms: 1 } as const,
      );
    },
    now: () => EXAMPLE_NOW,
    monotonic: clock,
    random: () => 0.5,
    keys: KEYS,
    vendorHosts: {},
    slots: new Slots(10),
    log: { info() {}, error() {}, warn() {} },
  } as unknown as World;
  return { world, requests };
}

function sendOf(index: number, given: Partial<CanonicalEvent> = {}): Send {
  return {
    captured_at: "2026-03-14T09:26:53Z",
    event_row: index,
    destination_id: "d",
    lease: "l",
    limited: false,
    leasedAt: EXAMPLE_NOW,
    attempts: 1,
    doubts: 0,
    event: exampleEvent("page_viewed", {
      event_id: `event-${index}`,
      page: { url: "https://mugs.example/", referrer: null, title: null },
      client: EXAMPLE_CLIENT,
      ...given,
    }),
  };
}

function all(world: World, sends: Send[], trouble?: KnownTrouble) {
  return sendAll(world, {
    shopId: SHOP,
    destination: {
      platform: "meta",
      settings: { id: "1234567890123456" },
      test_code: null,
      sealed: seal(KEYS, Buffer.from("tkn-0123456789"), tokenSubject(SHOP, "meta")),
      version: 1,
    },
    sends,
  }, trouble);
}

const withFbc = (fbc: string) => ({
  identifiers: { ...exampleEvent("page_viewed").identifiers, fbc, fbp: "fb.1.1773480000123.1098115397" },
});
const hasFbc = (event: JsonObject) => "fbc" in (event["user_data"] as JsonObject);
const received = (events: JsonObject[]) => ({ status: 200, body: { events_received: events.length } });

describe("an event Meta refuses for its click id", () => {
  test("goes once more without it, and the others of its batch are not lost", async () => {
    const { world, requests } = meta((events) =>
      events.some(hasFbc) ? { status: 400, body: BAD_FBC } : received(events)
    );
    const sends = [sendOf(0), sendOf(1, withFbc("fb.1.1773480001456.Refused")), sendOf(2)];
    const settlements = await all(world, sends);
    expect(settlements.map(({ kind, reason }) => [kind, reason])).toEqual([
      ["delivered", "accepted"],
      ["delivered", "accepted"],
      ["delivered", "accepted"],
    ]);
    const alone = requests.filter((events) => events.length === 1 && events[0]!["event_id"] === "event-1");
    expect(alone.map(([event]) => hasFbc(event!))).toEqual([true, false]);
    expect(alone[1]![0]!["user_data"]).not.toHaveProperty("fbp");
  });

  test("is refused for good when Meta refuses it all the same: there is no third time", async () => {
    const { world, requests } = meta(() => ({ status: 400, body: BAD_FBC }));
    const settlements = await all(world, [sendOf(0, withFbc("fb.1.1773480001456.Refused"))]);
    expect(settlements).toMatchObject([{ kind: "permanent", reason: "invalid_fbc" }]);
    expect(requests).toHaveLength(2);
  });
});

test("one bad event among many is found by halving and costs no other", async () => {
  const { world, requests } = meta((events) =>
    events.some(({ event_id }) => event_id === "event-13")
      ? { status: 400, body: { error: { code: 100, message: "Invalid parameter" } } }
      : received(events)
  );
  const settlements = await all(world, Array.from({ length: 40 }, (_, index) => sendOf(index)));
  expect(settlements.filter(({ kind }) => kind === "permanent").map(({ event_row }) => event_row)).toEqual([
    13,
  ]);
  expect(settlements.filter(({ kind }) => kind === "delivered")).toHaveLength(39);
  expect(requests.length).toBeLessThanOrEqual(13);
});

test("what is more than Meta takes in bytes goes in several requests, each event once", async () => {
  const sizes: number[] = [];
  const { world, requests } = meta((events) => {
    sizes.push(Buffer.byteLength(JSON.stringify({ data: events })));
    return { status: 200, body: { events_received: events.length } };
  });
  // a page address of 2,000 characters: 600 events are well over Meta's megabyte
  const url = `https://mugs.example/${"p".repeat(2_000)}`;
  const sends = Array.from(
    { length: 600 },
    (_, index) => sendOf(index, { page: { url, referrer: null, title: null } }),
  );
  const settlements = await all(world, sends);

  expect(settlements.map(({ kind }) => kind)).toEqual(sends.map(() => "delivered"));
  expect(requests.flat().map((event) => event["event_id"])).toEqual(
    sends.map((_, index) => `event-${index}`),
  );
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000_000);
  expect(requests.length).toBeLessThan(6);
});

describe("a vendor that turned out to be in trouble is not knocked at again", () => {
  const throttled = {
    status: 400,
    body: { error: { code: 4, message: "Application request limit reached" } },
  };
  const refused = { status: 400, body: { error: { code: 190, message: "Invalid OAuth access token" } } };
  const invalid = { status: 400, body: { error: { code: 100, message: "Invalid parameter" } } };
  const reasons = (settlements: { kind: string; reason: string }[]) => {
    const counts: Record<string, number> = {};
    for (const { kind, reason } of settlements) {
      counts[`${kind} ${reason}`] = (counts[`${kind} ${reason}`] ?? 0) + 1;
    }
    return counts;
  };

  test.each([["throttled", throttled, "retry"], ["refused", refused, "auth"]] as const)(
    "by the second half of a batch whose first half came back %s",
    async (_, answer, kind) => {
      // the whole is refused for one event, the halves find the limit
      const { world, requests } = meta((events) => events.length === 40 ? invalid : answer);
      const settlements = await all(world, Array.from({ length: 40 }, (_, index) => sendOf(index)));
      expect(requests.map((events) => events.length)).toEqual([40, 20]);
      expect(settlements.slice(0, 20).map((one) => one.kind)).toEqual(Array(20).fill(kind));
      expect(reasons(settlements.slice(20))).toEqual({ "released lane_in_trouble": 20 });
    },
  );

  test("by halves further down, and by what was too long for one request", async () => {
    const url = `https://mugs.example/${"p".repeat(2_000)}`;
    const long = Array.from(
      { length: 600 },
      (_, at) => sendOf(at, { page: { url, referrer: null, title: null } }),
    );
    const { world, requests } = meta(() => throttled);
    const settlements = await all(world, long);
    expect(requests).toHaveLength(1);
    const sent = requests[0]!.length;
    expect(reasons(settlements)).toMatchObject({ "released lane_in_trouble": 600 - sent });
  });

  test("by what other calls of the process had leased before, but by what is leased later", async () => {
    let clock = EXAMPLE_NOW;
    let answer: { status: number; body: unknown } = throttled;
    const { world, requests } = meta(
      (events) => answer === throttled ? throttled : received(events),
      () => clock,
    );
    const trouble = new KnownTrouble();
    await all(world, [sendOf(0)], trouble);
    expect(requests).toHaveLength(1);
    expect(reasons(await all(world, [sendOf(1)], trouble))).toEqual({ "released lane_in_trouble": 1 });
    expect(requests).toHaveLength(1);

    clock += 1_000;
    answer = received([]);
    const probe = { ...sendOf(2), leasedAt: clock };
    expect(reasons(await all(world, [probe], trouble))).toEqual({ "delivered accepted": 1 });
    // it answers again: an older lease may be sent
    expect(reasons(await all(world, [sendOf(3)], trouble))).toEqual({ "delivered accepted": 1 });
  });

  test("other destinations are none of its trouble", async () => {
    const { world } = meta(received);
    const trouble = new KnownTrouble();
    trouble.note("another", true, EXAMPLE_NOW, EXAMPLE_NOW);
    expect(reasons(await all(world, [sendOf(0)], trouble))).toEqual({ "delivered accepted": 1 });
  });
});
