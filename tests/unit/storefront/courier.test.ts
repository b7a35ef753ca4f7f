/** The courier against a server that answers as it likes, with the clock in our hands. */
import { webcrypto } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Courier, courier } from "@trakit/storefront/shared/courier.ts";
import { type Subtle, tokenOf } from "@trakit/storefront/shared/token.ts";
import type { Consent, StoreEvent } from "@trakit/storefront/shared/types.ts";

const DAY_MS = 86_400_000;
const NOW = Date.parse("2026-11-25T12:00:00Z");
const YES: Consent = { analytics: true, marketing: true, preferences: true, sale_of_data: true };

interface Sent {
  path: string;
  body: { events?: { token: string; body: string }[] };
}

/** A page with its server. `answer` decides; undefined: the network is down. */
function page(
  options: { skewMs?: number; storage?: Map<string, string>; consent?: () => Consent | null } = {},
) {
  const { skewMs = 0, storage = new Map<string, string>(), consent = () => YES } = options;
  const sent: Sent[] = [];
  const received: { cookies: string[]; answered: boolean }[] = [];
  const state = { answer: undefined as ((one: Sent) => Response | undefined) | undefined, sessions: 0 };
  const good = (one: Sent): Response => {
    const now = Date.now() + skewMs;
    if (one.path === "session") {
      state.sessions++;
      const id = `6b057c40${String(state.sessions).padStart(24, "0")}`;
      const key = "2ZCx6xpBcf-CnTB77RTUWEY8Ia7R9tbmftqdOSdM8Eo";
      return Response.json({
        session: { id, key, now, expires_at: now + DAY_MS },
        visitor: {},
        cookies: ["_fbc=first"],
        config: { cookie_lifetime_days: 730, cookie_domain: null },
      });
    }
    return Response.json({ results: one.body.events!.map(() => ({ status: "accepted" })) }, { status: 202 });
  };
  const carry: Courier = courier({
    subtle: webcrypto.subtle as unknown as Subtle,
    address: "/apps/trakit/*",
    fetch: ((url: string, init: { body: string }) => {
      const one = { path: url.split("/").pop()!, body: JSON.parse(init.body) as Sent["body"] };
      sent.push(one);
      const given = state.answer === undefined ? good(one) : state.answer(one);
      return given === undefined ? Promise.reject(new TypeError("offline")) : Promise.resolve(given);
    }) as never,
    consent,
    who: () => ({ visitor: {}, region: undefined, gpc: undefined }),
    saved: () => [...storage].filter(([key]) => key !== "s").map(([, text]) => text),
    save: (id, text) => void (text === null ? storage.delete(id) : storage.set(id, text)),
    savedSession: () => storage.get("s") ?? null,
    received: ({ cookies }, answer) => void received.push({ cookies, answered: answer !== undefined }),
    rest: () => {},
  });
  const events = () => sent.filter(({ path }) => path === "event");
  return { carry, sent, received, events, state, storage, good };
}

const event = (id: string, timestamp = Date.now()): StoreEvent => ({
  name: "page_viewed",
  id,
  timestamp,
  data: {},
});
const idOf = (token: string) => token.split(".")[0]!;

describe("courier", () => {
  beforeEach(() => {
    // signing is real and takes real time; only timers and the clock are ours
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"], now: NOW });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const settled = (condition: () => boolean) =>
    vi.waitFor(() => expect(condition()).toBe(true), { timeout: 60_000 });

  test("what was captured together goes together, signed, once, and is forgotten when answered", async () => {
    const { carry, sent, events, storage } = page();
    carry.add(event("aaaaaaaa"));
    carry.add(event("bbbbbbbb"));
    await settled(() => events().length === 1 && storage.size === 1);
    expect(sent.map(({ path }) => path)).toEqual(["session", "event"]);
    expect(events()[0]!.body.events!.map(({ token }) => idOf(token))).toEqual(["aaaaaaaa", "bbbbbbbb"]);
    expect([...storage.keys()]).toEqual(["s"]);
  });

  test("a device whose clock is a day behind tells the server's time", async () => {
    const { carry, events } = page({ skewMs: DAY_MS });
    carry.add(event("aaaaaaaa"));
    await settled(() => events().length === 1);
    const [{ token, body }] = events()[0]!.body.events as [{ token: string; body: string }];
    expect((JSON.parse(body) as StoreEvent).timestamp).toBe(NOW + DAY_MS);
    expect(Math.abs(Number(token.split(".")[2]) - NOW - DAY_MS)).toBeLessThan(2_000);
  });

  test("without consent nothing is sent or stored", async () => {
    const { carry, sent, storage } = page({ consent: () => null });
    carry.add(event("aaaaaaaa"));
    await carry.flush();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([]);
    expect(storage.size).toBe(0);
  });

  test("while the network is down it tries again, with the same token, later each time", async () => {
    const { carry, events, state, good } = page();
    carry.add(event("aaaaaaaa"));
    state.answer = (one) => one.path === "session" ? good(one) : undefined;
    await settled(() => events().length === 1);
    await vi.advanceTimersByTimeAsync(8_000);
    await settled(() => events().length === 2);
    await vi.advanceTimersByTimeAsync(8_000);
    expect(events()).toHaveLength(2);
    state.answer = undefined;
    await vi.advanceTimersByTimeAsync(8_000);
    await settled(() => events().length === 3);
    expect(new Set(events().map(({ body }) => body.events![0]!.token)).size).toBe(1);
  });

  test("Retry-After is honoured", async () => {
    const { carry, events, state, good } = page();
    state.answer = (one) =>
      one.path === "session"
        ? good(one)
        : new Response("{}", { status: 429, headers: { "retry-after": "30" } });
    carry.add(event("aaaaaaaa"));
    await settled(() => events().length === 1);
    await settled(() => vi.getTimerCount() > 0);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(events()).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_500);
    await settled(() => events().length === 2);
  });

  test("a stale token is signed again under a new session; any other refusal is final", async () => {
    const { carry, events, state, good, storage } = page();
    state.answer = (one) =>
      one.path === "session" ? good(one) : Response.json({
        results: one.body.events!.map(({ token }) =>
          idOf(token) === "aaaaaaaa"
            ? { status: "refused", reason: "stale_token" }
            : { status: "refused", reason: "second_body" }
        ),
      }, { status: 202 });
    carry.add(event("aaaaaaaa"));
    carry.add(event("bbbbbbbb"));
    await settled(() => events().length > 0 && !storage.has("bbbbbbbb"));
    state.answer = undefined;
    await vi.advanceTimersByTimeAsync(8_000);
    await settled(() => !storage.has("aaaaaaaa"));
    expect(state.sessions).toBe(2);
    const last = events().at(-1)!.body.events!;
    expect(last.map(({ token }) => idOf(token))).toEqual(["aaaaaaaa"]);
    expect(last[0]!.token).toContain("6b057c40000000000000000000000002");
  });

  test.each([403, 404])("%i ends it for this page; the event stays for the next", async (status) => {
    const { carry, events, state, good, storage } = page();
    state.answer = (one) => one.path === "session" ? good(one) : new Response("{}", { status });
    carry.add(event("aaaaaaaa"));
    await settled(() => events().length === 1);
    carry.add(event("bbbbbbbb"));
    await vi.advanceTimersByTimeAsync(600_000);
    expect(events()).toHaveLength(1);
    expect([...storage.keys()].sort()).toEqual(["aaaaaaaa", "bbbbbbbb", "s"]);
  });

  test("the next page sends what is left, but not what may still be answered; what is too old goes when refused", async () => {
    const storage = new Map<string, string>([
      ["old00000", JSON.stringify({ event: event("old00000", NOW - DAY_MS - 1), sent: 0 })],
      ["left0000", JSON.stringify({ event: event("left0000", NOW - 60_000), sent: 0 })],
      [
        "flying00",
        JSON.stringify({
          event: event("flying00", NOW - 2_000),
          body: "{}",
          token: "flying00.s.1.x",
          sent: NOW - 2_000,
        }),
      ],
      ["strange", "not ours"],
    ]);
    const { carry, events, state, good } = page({ storage });
    state.answer = (one) =>
      one.path === "session" ? good(one) : Response.json({
        results: one.body.events!.map(({ token }) =>
          idOf(token) === "old00000" ? { status: "refused", reason: "stale_event" } : { status: "accepted" }
        ),
      }, { status: 202 });
    await carry.adopt();
    await carry.flush();
    await settled(() => events().length === 1);
    expect(events()[0]!.body.events!.map(({ token }) => idOf(token))).toEqual(["old00000", "left0000"]);
    await settled(() => !storage.has("old00000") && !storage.has("left0000"));
    await vi.advanceTimersByTimeAsync(16_000);
    await settled(() => events().length === 2);
    expect(events()[1]!.body.events![0]!.token).toBe("flying00.s.1.x");
  });

  test("a batch has at most 50 events, and the rest follows at once", async () => {
    const { carry, events } = page({ storage: new Map() });
    for (let index = 0; index < 120; index++) carry.add(event(`event-${String(index).padStart(4, "0")}`));
    await settled(() => events().flatMap(({ body }) => body.events!).length >= 120);
    expect(Math.max(...events().map(({ body }) => body.events!.length))).toBe(50);
    const ids = events().flatMap(({ body }) => body.events!).map(({ token }) => idOf(token));
    expect(new Set(ids).size).toBe(120);
  });

  test("the next page has the session's cookies without asking, as the last answer worded them", async () => {
    const { carry, received, events, state, good, storage } = page();
    state.answer = (one) =>
      one.path === "session" ? good(one) : Response.json({
        results: [{ status: "accepted" }],
        cookies: ["_fbc=new"],
      }, { status: 202 });
    carry.add(event("aaaaaaaa"));
    await settled(() => received.length === 2);
    expect(received).toEqual([
      { cookies: ["_fbc=first"], answered: true },
      { cookies: ["_fbc=new"], answered: true },
    ]);
    expect(events()).toHaveLength(1);

    const next = page({ storage });
    await next.carry.flush();
    expect(next.received).toEqual([{ cookies: ["_fbc=new"], answered: false }]);
    expect(next.sent).toEqual([]);
  });

  test("a session that is not the logged-in customer's is renewed at once, and once a page", async () => {
    const { carry, sent, state, good, storage } = page();
    state.answer = (one) =>
      one.path === "session"
        ? good(one)
        : Response.json({ results: [{ status: "accepted" }], session: "renew" }, { status: 202 });
    carry.add(event("aaaaaaaa"));
    // without a turn of the clock
    await settled(() => state.sessions === 2 && !storage.has("aaaaaaaa"));
    carry.add(event("bbbbbbbb"));
    await settled(() => !storage.has("bbbbbbbb"));
    expect(sent.map(({ path }) => path)).toEqual(["session", "event", "session", "event"]);
    expect(sent[3]!.body.events![0]!.token).toContain("6b057c40000000000000000000000002");
  });

  test("a kept session that others wrote is given up, and what it signed is signed again, once", async () => {
    const strange = {
      id: "f".repeat(32),
      key: "k",
      end: NOW + 36e5,
      skew: 0,
      consent: "a1m1p1s1",
      cookies: [],
    };
    const storage = new Map([["s", JSON.stringify({ ...strange, config: {} })]]);
    const { carry, events, state, good } = page({ storage });
    const forged = (one: Sent) =>
      Response.json({
        results: one.body.events!.map(() => ({ status: "refused", reason: "forged_token" })),
      }, { status: 202 });
    state.answer = (one) => one.path === "session" ? good(one) : forged(one);
    carry.add(event("aaaaaaaa"));
    await settled(() => events().length === 2 && !storage.has("aaaaaaaa"));
    expect(events().map(({ body }) => body.events![0]!.token.split(".")[1])).toEqual([
      "f".repeat(32),
      "6b057c40000000000000000000000001",
    ]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events()).toHaveLength(2);
  });

  test.each([
    ["a page", () => new Response("<!doctype html><p>Enter with password")],
    ["a refusal", () => Response.json({ code: "malformed_batch" }, { status: 400 })],
    ["nothing of a session", () => Response.json({})],
  ])("a session answered with %s is asked for again, later each time", async (_what, answer) => {
    const { carry, sent, state, storage } = page();
    state.answer = answer;
    carry.add(event("aaaaaaaa"));
    await settled(() => sent.length === 1 && vi.getTimerCount() > 0);
    await vi.advanceTimersByTimeAsync(7_900);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    await settled(() => sent.length === 2 && vi.getTimerCount() > 0);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(sent).toHaveLength(2);
    expect(storage.has("aaaaaaaa")).toBe(true);
  });

  test("reports of tags are signed by the session, at the server's time; without a session there is none", async () => {
    const { carry, sent } = page({ skewMs: DAY_MS });
    const report = { name: "page_viewed", event_id: "aaaaaaaa", platforms: ["meta"], at: NOW };
    await carry.tell([report]);
    expect(sent).toEqual([]);
    carry.add(event("aaaaaaaa"));
    await settled(() => sent.length === 2);
    await carry.tell([report, { ...report, event_id: "bbbbbbbb" }]);
    const { events, fired } = sent[2]!.body as { events: []; fired: { token: string; body: string }[] };
    expect(events).toEqual([]);
    expect(fired.map(({ body }) => JSON.parse(body))).toEqual([
      { ...report, at: NOW + DAY_MS },
      { ...report, event_id: "bbbbbbbb", at: NOW + DAY_MS },
    ]);
    const session = {
      id: "6b057c40000000000000000000000001",
      key: "2ZCx6xpBcf-CnTB77RTUWEY8Ia7R9tbmftqdOSdM8Eo",
    };
    for (const { token, body } of fired) {
      const at = Number(token.split(".")[2]);
      const { event_id } = JSON.parse(body) as { event_id: string };
      expect(token).toBe(
        await tokenOf(webcrypto.subtle as unknown as Subtle, session, event_id, "tag_fired", at, body),
      );
    }
  });

  test("a session opened under one consent is not used under another", async () => {
    let consent: Consent = { ...YES, marketing: false };
    const { carry, state, events } = page({ consent: () => consent });
    carry.add(event("aaaaaaaa"));
    await settled(() => events().length === 1);
    consent = YES;
    await carry.flush();
    expect(state.sessions).toBe(2);
  });
});
