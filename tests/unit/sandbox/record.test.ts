import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRecorder, maskPairs, type Received } from "@trakit/sandbox/vendors/record.ts";

function received(seq: number, rest: Partial<Received> = {}): Received {
  return {
    seq,
    vendor: "meta",
    at: seq,
    method: "POST",
    path: "/",
    body: "{}",
    accepted: true,
    status: 200,
    problems: [],
    fault: null,
    events: [{ name: "Purchase", event_id: `id-${seq}`, accepted: true }],
    ...rest,
  };
}

const BOUNDS = { requests: 3, characters: 1_000_000, events: 3 };

describe("the record is bounded", () => {
  it("by requests: the oldest go first", () => {
    const recorder = createRecorder(BOUNDS);
    for (let seq = 1; seq <= 5000; seq++) recorder.add(received(seq), null, true, true);
    expect(recorder.requests().map((one) => one.seq)).toEqual([4998, 4999, 5000]);
    expect(recorder.totals().meta.requests).toBe(5000);
  });

  it("by characters, but the newest request always stays", () => {
    const recorder = createRecorder({ ...BOUNDS, characters: 1000 });
    recorder.add(received(1, { body: "x".repeat(500) }), null, true, true);
    recorder.add(received(2, { body: "x".repeat(500) }), null, true, true);
    expect(recorder.requests().map((one) => one.seq)).toEqual([2]);
    recorder.add(received(3, { body: "x".repeat(5000) }), null, true, true);
    expect(recorder.requests().map((one) => one.seq)).toEqual([3]);
    recorder.add(received(4), null, true, true);
    expect(recorder.requests().map((one) => one.seq)).toEqual([4]);
  });

  it("by events: copies of the oldest are forgotten, the totals stay", () => {
    const recorder = createRecorder(BOUNDS);
    for (let seq = 1; seq <= 5; seq++) recorder.add(received(seq), "1", true, false);
    expect(recorder.copies().map((one) => one.event_id)).toEqual(["id-3", "id-4", "id-5"]);
    expect(recorder.totals().meta.events).toBe(5);
    expect(recorder.requests()).toEqual([]);
  });

  it("and what it hands out is a copy", () => {
    const recorder = createRecorder(BOUNDS);
    recorder.add(received(1), null, true, true);
    recorder.requests()[0]!.events[0]!.name = "changed";
    recorder.copies()[0]!.copies = 9;
    recorder.totals().meta.requests = 9;
    expect(recorder.requests()[0]!.events[0]!.name).toBe("Purchase");
    expect(recorder.copies()[0]!.copies).toBe(1);
    expect(recorder.totals().meta.requests).toBe(1);
  });

  it("events without an id are counted and never called copies", () => {
    const recorder = createRecorder(BOUNDS);
    const events = [{ name: "page_view", event_id: null, accepted: true }];
    recorder.add(received(1, { events }), "1", true, true);
    recorder.add(received(2, { events }), "1", true, true);
    expect(recorder.totals().meta).toMatchObject({ events: 2, copies: 0 });
    expect(recorder.copies()).toEqual([]);
  });
});

describe("secrets", () => {
  const word = fc.stringMatching(/^[A-Za-z0-9._~-]{8,40}$/);
  it("vanish from any query, the rest of it stays", () => {
    fc.assert(
      fc.property(
        word,
        word,
        fc.constantFrom("access_token", "api_secret", "appsecret_proof"),
        (secret, other, name) => {
          const masked = maskPairs(`/v1/x?a=${other}&${name}=${secret}&b=${other}`);
          expect(masked).toBe(`/v1/x?a=${other}&${name}=***&b=${other}`);
        },
      ),
    );
  });

  it("vanish from any JSON body, at any depth and inside addresses", () => {
    fc.assert(fc.property(fc.uuid(), fc.jsonValue(), (secret, extra) => {
      const recorder = createRecorder(BOUNDS);
      const body = JSON.stringify({
        a: [{ access_token: secret, extra }],
        url: `https://x.example/?api_secret=${secret}&q=1`,
      });
      recorder.add(received(1, { body }), null, true, true);
      const [shown] = recorder.requests();
      expect(JSON.stringify(shown!.body)).not.toContain(secret);
      expect(shown!.body).toMatchObject({ url: "https://x.example/?api_secret=***&q=1" });
    }));
  });
});
