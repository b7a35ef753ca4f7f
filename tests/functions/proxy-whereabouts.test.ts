import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import { pipelineKit, SECRET, webhookRequest } from "../support/pipeline.ts";
import { pageView, proxied, proxyKit, YES } from "../support/storefront.ts";
import { fixture } from "../unit/shopify/fixture.ts";

/** Every shop of the kit is in the US: nobody there is asked for consent. */
const kit = await pipelineKit();
/** Its gateway writes the header that names the country of an address. */
const proxy = proxyKit(kit, { gatewayHeaders: ["cf-connecting-ip", "cf-ipcountry"] });

const event = () => pageView({ id: randomBytes(16).toString("hex"), timestamp: kit.now() });

async function stored(shopId: string) {
  return await kit.database.query<
    { consent: Record<string, boolean>; policy_country: string | null; reasons: string[] }
  >(
    "postgres",
    `select e.consent, c.policy_country, array_agg(distinct d.reason) as reasons
     from trakit.events e
     left join trakit.event_clients c on c.captured_at = e.captured_at and c.event_row = e.id
     left join trakit.deliveries d on d.captured_at = e.captured_at and d.event_row = e.id
     where e.shop_id = $1 group by e.id, e.captured_at, e.consent, c.policy_country order by e.id`,
    [shopId],
  );
}

const UNKNOWN = ["consent_unknown"];

describe("where a browser says it is", () => {
  test.each([
    ["DE", "DE"],
    ["USCA", "US"],
    ["US-CA", "US"],
    ["GBSCT", "GB"],
    ["de", "DE"],
    ["ZZ", null],
    ["Germany", null],
    ["", null],
    ["D", null],
    [42, null],
    [null, null],
    [{ country: "DE" }, null],
    ["DE'; drop table", null],
  ])("a region of %j is %j, and never refuses the batch", async (region, country) => {
    const shop = await kit.shop();
    const answer = await proxy.send(shop.domain, { events: [event()], region });
    expect(answer).toMatchObject({ status: 202, body: { results: [{ status: "accepted" }] } });
    expect((await stored(shop.id)).map((row) => row.policy_country)).toEqual([country]);
  });

  test("decides for an undecided visitor what is sent, and what they are given back", async () => {
    const shop = await kit.shop();
    for (const region of ["DE", "USCA"]) {
      await proxy.send(shop.domain, { events: [event()], region });
      const { body } = await proxy.session(shop.domain, { visitor: { fbp: "fb.1.1792998010123.1" }, region });
      expect(body.visitor.fbp).toBe(region === "DE" ? null : "fb.1.1792998010123.1");
    }
    const [german, american] = await stored(shop.id);
    expect(german!.reasons).toEqual(UNKNOWN);
    expect(american!.reasons).not.toContain("consent_unknown");
  });

  test("is told by a gateway's header where the operator says that it writes it, and the region counts before it", async () => {
    const shop = await kit.shop();
    for (const [header, region] of [["DE", undefined], ["DE", "US"], ["XX", undefined], ["T1", undefined]]) {
      await proxy.direct(shop.domain, { events: [event()], region }, {
        headers: { "cf-ipcountry": header! },
      });
    }
    expect((await stored(shop.id)).map((row) => row.policy_country)).toEqual(["DE", "US", null, null]);
  });

  test("is not told by a header anybody can send", async () => {
    const shop = await kit.shop();
    const unbelieving = proxyKit(kit);
    await unbelieving.direct(shop.domain, { events: [event()] }, { headers: { "cf-ipcountry": "DE" } });
    expect(await stored(shop.id)).toMatchObject([{ policy_country: null }]);
  });

  test("is not told by a header through the app proxy: that is where Shopify's server is", async () => {
    const shop = await kit.shop();
    const request = proxied(shop.domain, { events: [event()] }, kit.now());
    request.headers.set("cf-ipcountry", "DE");
    await proxy.read(request);
    expect((await stored(shop.id))[0]).toMatchObject({ policy_country: null });
  });
});

describe("an order says where its browser was", () => {
  const webhooks = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });
  test.each([
    ["DE", UNKNOWN],
    ["USCA", [null]],
    ["nonsense", [null]],
    [7, [null]],
  ])("__trk_region %j of a digital order", async (region, reasons) => {
    const shop = await kit.shop();
    const order = fixture("order-web-guest");
    const digital = {
      ...order,
      billing_address: null,
      shipping_address: null,
      customer: null,
      note_attributes: [{ name: "__trk_region", value: region }],
    };
    const answer = await webhooks(webhookRequest(shop.domain, JSON.stringify(digital)));
    await kit.settled();
    expect(answer.status).toBe(200);
    const [row] = await stored(shop.id);
    if (reasons === UNKNOWN) expect(row!.reasons).toEqual(UNKNOWN);
    else expect(row!.reasons).not.toContain("consent_unknown");
  });
});

describe("Global Privacy Control", () => {
  test.each([
    ["in the body", { gpc: true }, {}],
    ["in the header", {}, { "sec-gpc": "1" }],
    ["in the header, twice", {}, { "sec-gpc": "1, 1" }],
    ["in the header, whatever the body says", { gpc: false }, { "sec-gpc": "1" }],
  ])("%s is a refusal of the sale of data, over any consent", async (_, body, headers) => {
    const shop = await kit.shop();
    await proxy.direct(shop.domain, { events: [event()], consent: YES, ...body }, { headers });
    await proxy.direct(shop.domain, { events: [event()], ...body }, { headers });
    expect((await stored(shop.id)).map((row) => row.consent)).toEqual([
      { ...YES, sale_of_data: false },
      { sale_of_data: false },
    ]);
    const limited = await kit.database.query(
      "postgres",
      "select from trakit.deliveries where shop_id = $1 and not limited",
      [shop.id],
    );
    expect(limited).toEqual([]);
  });

  test.each([[{ gpc: false }, {}], [{ gpc: "yes" }, {}], [{ gpc: 1 }, { "sec-gpc": "0" }], [{}, {
    "sec-gpc": "true",
  }]])(
    "%j with %j is none",
    async (body, headers) => {
      const shop = await kit.shop();
      const answer = await proxy.direct(shop.domain, { events: [event()], consent: YES, ...body }, {
        headers: headers as Record<string, string>,
      });
      expect(answer.status).toBe(202);
      expect((await stored(shop.id)).map((row) => row.consent)).toEqual([YES]);
    },
  );
});
