import { describe, expect, test } from "vitest";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { hashField } from "@trakit/core/identity/hash-field.ts";
import { reddit } from "@trakit/destinations/reddit/index.ts";
import {
  EXAMPLE_CLIENT,
  EXAMPLE_NOW,
  EXAMPLE_ORDER,
  exampleEvent,
} from "@trakit/destinations/shared/example-event.ts";

const SETTINGS = reddit.settings.parse({ id: "a2_abcdefgh1234" });

function map(given: Partial<CanonicalEvent> = {}, limited = false) {
  const event = exampleEvent("checkout_completed", {
    page: { url: "https://mugs.example/?rdt_cid=AbC-123_x", referrer: null, title: null },
    commerce: EXAMPLE_ORDER,
    client: EXAMPLE_CLIENT,
    ...given,
  });
  return reddit.map(event, { settings: SETTINGS, limited, now: EXAMPLE_NOW });
}

describe("Reddit's own vectors", () => {
  test.each(
    [
      ["email", "alice@example.com", "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"],
      [
        "email",
        "Al.ice+Apple@Example.Com",
        "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976",
      ],
      [
        "email",
        "Al.ice$+Apple@Example.Com",
        "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976",
      ],
      ["phone", "+15554441234", "e5b124c58580eb16bd959b8d0cac12b12c952e2ceae0203d416cff94f10b994a"],
    ] as const,
  )("%s %s", (field, value, digest) => {
    expect(hashField(reddit.fields, { field, value })).toMatchObject({ send: "digest", value: digest });
  });
});

describe("the event", () => {
  test("the click id leaves byte for byte, and only where it is one", () => {
    expect(map()).toMatchObject({ ok: true, body: { click_id: "AbC-123_x" } });
    for (const query of ["rdt_cid=", "xrdt_cid=a", "rdt_cid=a%20b"]) {
      const page = { url: `https://mugs.example/?${query}`, referrer: null, title: null };
      expect(JSON.stringify(map({ page }))).not.toContain("click_id");
    }
  });
  test.each([
    ["nothing to match by", { client: { ...EXAMPLE_CLIENT, ip: null } }],
    ["a till's sale with a device only", { channel: "pos" as const }],
  ])("%s is not sent", (_, given) => {
    const page = { url: null, referrer: null, title: null };
    expect(map({ page, ...given })).toEqual({ ok: false, reason: "too_little_user_data" });
  });
  test.each([
    [{ country: "US", region_code: "ca" }, { modes: ["LDU"], country: "US", region: "US-CA" }],
    [{ country: "NL", region_code: null }, { modes: ["LDU"], country: "NL" }],
    [{ country: "US", region_code: null }, null],
    [{ country: null, region_code: null }, null],
  ])("limited mode of %j", (place, expected) => {
    const result = map({ client: { ...EXAMPLE_CLIENT, ...place } }, true);
    if (expected === null) expect(result).toEqual({ ok: false, reason: "limited_needs_region" });
    else expect(result).toMatchObject({ ok: true, body: { user: { data_processing_options: expected } } });
  });
});

describe("the answer", () => {
  const read = (status: number, body: unknown, count = 2) =>
    reddit.classify({ status, headers: {}, body: JSON.stringify(body) }, count);
  const processed = (count: number) => ({
    data: { message: `Successfully processed ${count} conversion events.` },
  });

  test("all processed is delivered, another number is in doubt", () => {
    expect(read(200, processed(2))).toMatchObject({
      outcomes: [{ kind: "delivered" }, { kind: "delivered" }],
    });
    expect(read(200, processed(1))).toMatchObject({ outcomes: [{ kind: "in_doubt" }, { kind: "in_doubt" }] });
    expect(read(200, {})).toMatchObject({ outcomes: [{ kind: "in_doubt" }, { kind: "in_doubt" }] });
  });
  test("none were processed: halved, and alone refused in Reddit's words", () => {
    const body = {
      error: { code: 400, message: "There were 1 invalid conversion events. None were processed." },
    };
    expect(read(400, body).kind).toBe("split");
    expect(read(400, body, 1)).toMatchObject({
      outcomes: [{ kind: "permanent", reason: "invalid_event", detail: body.error.message }],
    });
  });
  test.each([[401, "auth"], [403, "auth"], [429, "retry"], [500, "retry"]])("%i: %s", (status, kind) => {
    expect(read(status, { error: { code: status, message: "x" } })).toMatchObject({
      outcomes: [{ kind }, { kind }],
    });
  });
  test("its user agent is no library's: Reddit throttles those", () => {
    const context = { settings: SETTINGS, token: "tkn", baseUrl: reddit.baseUrl, testCode: null };
    const request = reddit.request([{ a: 1 }], context);
    expect(request.headers["user-agent"]).toMatch(/^trakit\//);
    expect(request.url).toBe("https://ads-api.reddit.com/api/v3/pixels/a2_abcdefgh1234/conversion_events");
    expect(JSON.parse(reddit.request([{ a: 1 }], { ...context, testCode: "t2_x" }).body)).toEqual({
      data: { test_id: "t2_x", events: [{ a: 1 }] },
    });
  });
});
