import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { conversionEventId } from "@trakit/core/event-id.ts";
import { drain } from "@trakit/pipeline/dispatch/drain.ts";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import { pipelineKit, SECRET, webhookRequest } from "../support/pipeline.ts";
import { pageView, proxyKit, YES } from "../support/storefront.ts";
import { fixtureText } from "../unit/shopify/fixture.ts";

/** What the page's own tags sent is heeded: nothing is counted twice for want of looking. */
const kit = await pipelineKit();
const proxy = proxyKit(kit);
const HOUR = 3_600;
const CHECKOUT = "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3";

const webhooks = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });

async function states(shopId: string) {
  return Object.fromEntries(
    (await kit.deliveries(shopId)).map((
      row,
    ) => [row.platform, row.reason ? `${row.state}: ${row.reason}` : row.state]),
  );
}

/** Sends whatever is due. */
const drained = () => drain(kit.deps(), { deadline: kit.now() + 1, lanesAtOnce: 5, batch: 100 });

test("what gtag sent goes to Google from us only if it is a purchase", async () => {
  const shop = await kit.shop();
  const tags = { google: kit.now(), meta: kit.now() };
  await proxy.send(shop.domain, {
    events: [pageView({ id: randomBytes(16).toString("hex"), tags })],
    visitor: { ga: "GA1.1.12.34", fbp: "fb.1.1792998010123.1" },
    consent: YES,
  });
  expect(await states(shop.id)).toMatchObject({
    google: "skipped: sent_by_tag",
    meta: "delivered: accepted",
  });
});

test("a purchase the tags had is sent while the platforms compare, and fails instead of doubling after", async () => {
  const shop = await kit.shop();
  const id = conversionEventId(shop.domain, "checkout_completed", CHECKOUT);
  await kit.fault("meta", { kind: "status", status: 503 });
  await kit.fault("pinterest", { kind: "status", status: 503 });
  await webhooks(webhookRequest(shop.domain, fixtureText("order-web-guest")));
  await kit.settled();
  const late = await proxy.send(shop.domain, {
    events: [],
    fired: [
      { name: "checkout_completed", event_id: id, platforms: ["meta", "pinterest"], at: kit.now() },
      { name: "checkout_completed", event_id: "x", platforms: [], at: "now" },
    ],
  });
  expect(late).toMatchObject({ status: 202, body: { results: [] } });
  expect(await kit.refusals(shop.id)).toEqual({ malformed_fired: 1 });
  const [event] = await kit.database.query<{ tags: object }>(
    "postgres",
    "select tags from trakit.events where shop_id = $1",
    [shop.id],
  );
  expect(event!.tags).toEqual({ meta: expect.any(String), pinterest: expect.any(String) });
  await kit.fault("meta", null);
  await kit.fault("pinterest", null);

  kit.pass(2 * HOUR);
  await drained();
  expect(await states(shop.id)).toMatchObject({
    meta: "delivered: accepted",
    pinterest: "failed: past_dedup_window",
    google: "delivered: accepted",
  });
});
