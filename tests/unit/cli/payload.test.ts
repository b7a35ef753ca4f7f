import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EVENT_NAMES } from "@trakit/core/event.ts";
import { DESTINATIONS, PLATFORMS } from "@trakit/destinations/registry.ts";
import { runCli } from "./run-cli.ts";

interface Printed {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

const order = readFileSync(new URL("../../fixtures/shopify/order-web-guest.json", import.meta.url), "utf8");
let folder: string;
beforeAll(() => folder = mkdtempSync(join(tmpdir(), "trakit-payload-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("trakit payload --event", () => {
  test.each(PLATFORMS)("%s shows a request for every event", async (platform) => {
    const one = DESTINATIONS[platform]!;
    for (const name of EVENT_NAMES) {
      const { code, out } = await runCli(["payload", platform, "--event", name, "--custom-events", "--json"]);
      expect([name, code]).toEqual([name, 0]);
      const shown = JSON.parse(out) as { body?: unknown; skipped?: string };
      expect([name, shown.skipped]).toEqual([name, undefined]);
      expect(JSON.stringify(shown.body)).toContain(`"${one.events[name] ?? one.customEvents[name]}"`);
    }
  });
  test("an event that is none is named with what was meant", async () => {
    const { code, err } = await runCli(["payload", "meta", "--event", "cart_view"]);
    expect([code === 0, err]).toEqual([false, expect.stringContaining("cart_viewed")]);
  });
});

describe("trakit payload", () => {
  test.each([...PLATFORMS])("%s: without a file, the first example's own request", async (platform) => {
    const destination = DESTINATIONS[platform]!;
    const example = destination.examples[0]!;
    const ran = await runCli(["payload", platform, "--json"]);
    expect(ran.code).toBe(0);
    const printed = JSON.parse(ran.out) as Printed;
    const expected = destination.request([example.out as never], {
      settings: destination.settings.parse(example.settings),
      token: "a-token-of-the-test",
      baseUrl: destination.baseUrl,
      testCode: null,
    });
    expect(printed.method).toBe("POST");
    expect(printed.url).toBe(expected.redactedUrl);
    expect(printed.body).toEqual(JSON.parse(expected.body.replaceAll("a-token-of-the-test", "***")));
    expect(Object.keys(printed.headers)).toEqual(Object.keys(expected.headers));
  });

  test.each([...PLATFORMS])(
    "%s: an order webhook becomes a purchase, and no token is shown",
    async (platform) => {
      const ran = await runCli(["payload", platform, "-", "--json"], { input: order });
      expect(ran.code).toBe(0);
      const printed = JSON.parse(ran.out) as Printed;
      expect(JSON.stringify(printed.body)).toContain(
        // Google counts the items without tax and shipping
        platform === "google" ? '"value":88.5' : "102.25",
      );
      expect(`${printed.url}${JSON.stringify(printed.headers)}${JSON.stringify(printed.body)}`).toContain(
        "***",
      );
      expect(ran.out).not.toContain("placeholder");
    },
  );

  test("an id beyond 2^53 keeps its digits, and the person's clear text is not in the request", async () => {
    const path = join(folder, "order.json");
    const parsed = JSON.parse(order) as { id: number; email: string };
    writeFileSync(path, order.replace(`"id": ${parsed.id}`, '"id": 820982911946154508'));
    const ran = await runCli(["payload", "meta", path, "--json"]);
    expect(ran.out).toContain('"820982911946154508"');
    expect(ran.out).not.toContain(parsed.email);
  });

  test("a canonical event may leave out what is not known", async () => {
    const event = {
      name: "product_viewed",
      event_id: "e1",
      occurred_at: "2026-03-14T09:26:53.589Z",
      page: { url: "https://mugs.example/products/blue" },
      client: { user_agent: "Mozilla/5.0", ip: "198.51.100.7" },
      commerce: { currency: "EUR", items: [{ variant_id: "42", quantity: 1, unit_price: "9.90" }] },
    };
    const ran = await runCli(["payload", "meta", "-", "--json"], { input: JSON.stringify(event) });
    const [sent] = (JSON.parse(ran.out) as { body: { data: Record<string, unknown>[] } }).body.data;
    expect(sent).toMatchObject({ event_name: "ViewContent", event_id: "e1", event_time: 1773480413 });
  });

  test("an event the platform does not get is said so, with the reason", async () => {
    const ran = await runCli(["payload", "meta", "-", "--json", "--at", "2027-01-01T00:00:00Z"], {
      input: order,
    });
    expect(JSON.parse(ran.out)).toMatchObject({ skipped: "too_old" });
    expect(ran.code).toBe(0);
  });

  test.each([
    ["{", "not JSON"],
    ["[]", "neither"],
    ['{"name":"page_viewd","event_id":"1","occurred_at":"2026-01-01"}', "name"],
    ['{"name":"page_viewed","event_id":"1","occurred_at":"someday"}', "occurred_at"],
    ['{"name":"page_viewed","event_id":"1","occurred_at":"2026-01-01","comerce":{}}', "comerce"],
    [
      '{"name":"page_viewed","event_id":"1","occurred_at":"2026-01-01","digests":{"email.lower":["jane@doe.example"]}}',
      "64",
    ],
    ['{"id":1,"line_items":[{"quantity":"jane@doe.example"}]}', "line_items"],
  ])("%s is refused with what is wrong with it, never with a value", async (input, part) => {
    const ran = await runCli(["payload", "meta", "-"], { input });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain(part);
    expect(ran.err).not.toContain("jane");
  });

  test("settings are the platform's own: another platform's are refused", async () => {
    expect((await runCli(["payload", "meta", "--id", "abc"])).err).toContain("digits");
    expect((await runCli(["payload", "meta", "--eu"])).err).toContain("has no setting --eu");
    const ran = await runCli(["payload", "google", "--id", "G-AAAA1111", "--eu", "--json"]);
    expect((JSON.parse(ran.out) as Printed).url).toBe(
      "https://region1.google-analytics.com/mp/collect?measurement_id=G-AAAA1111&api_secret=***",
    );
  });

  test("a host of the environment is used, as it would be for sending", async () => {
    const ran = await runCli(["payload", "meta", "--json"], {
      environment: { TRAKIT_META_API_URL: "http://127.0.0.1:9" },
    });
    expect((JSON.parse(ran.out) as Printed).url).toMatch(/^http:\/\/127\.0\.0\.1:9\//);
  });
});
