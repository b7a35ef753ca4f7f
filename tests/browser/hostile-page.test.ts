/**
 * The storefront script in pages whose texts, storage, cookies and answers somebody else has written. Whatever stands there, what
 * leaves the page is what leaves a plain one, and it goes to the shop alone.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { withoutBrowser } from "../support/browser.ts";
import { pageKit, PROOF, type Shown, type ShownPage, VISITOR } from "../support/storefront-page.ts";

/** Everything the script reads or calls on the document, and what is easily reached for instead. */
const OF_DOCUMENT =
  "cookie currentScript head body documentElement title referrer readyState hidden visibilityState prerendering location URL baseURI domain forms scripts addEventListener removeEventListener dispatchEvent createElement append getElementById getElementsByTagName querySelector querySelectorAll defaultView implementation styleSheets"
    .split(" ");
const EVIL = JSON.stringify({
  address: "https://evil.example/*",
  cart: { currency: "USD", items: [] },
  events: [],
});
/** Globals the script sets, or reads of Shopify and of the merchant's tags, and globals of the browser. */
const GLOBALS =
  "trakit Shopify fbq ttq pintrk snaptr gtag self fetch crypto performance navigator location localStorage sessionStorage Document Reflect JSON addEventListener XMLHttpRequest URLSearchParams setTimeout"
    .split(" ");
const each = (names: string[], element: (name: string) => string) => names.map(element).join("");

const MARKUP: [what: string, markup: string][] = [
  ["an element with the block's former id", `<div id="trakit-data">${EVIL}</div>`],
  ["a data element of the same kind", `<script type="application/json" id="trakit-data">${EVIL}</script>`],
  ["images named like the document's properties", each(OF_DOCUMENT, (name) => `<img name=${name}>`)],
  ["images with such ids as well", each(OF_DOCUMENT, (name) => `<img id=${name} name=x>`)],
  ["forms", each(OF_DOCUMENT, (name) => `<form name=${name}><input name=value></form>`)],
  ["frames", each(OF_DOCUMENT, (name) => `<iframe name=${name}></iframe>`)],
  ["objects", each(OF_DOCUMENT, (name) => `<object id=${name}></object><embed name=${name}>`)],
  ["links with ids of globals", each(GLOBALS, (name) => `<a id=${name} href="https://evil.example/">a</a>`)],
  ["frames named like globals", each(GLOBALS, (name) => `<iframe name=${name}></iframe>`)],
  [
    "our namespace as a form",
    `<form id=trakit><input name=seen><input name=rules><input name=tell><input name=post></form>`,
  ],
  [
    "two elements of one id, which make a collection",
    `<a id=trakit></a><a id=trakit name=seen href="https://evil.example/"></a><a id=Shopify></a><a id=Shopify name=routes></a>`,
  ],
  [
    "a form whose own properties are named away",
    `<form action="https://evil.example/" id=x>${
      each(
        ["action", "method", "elements", "name", "id", "type", "matches"],
        (name) => `<input name=${name}>`,
      )
    }</form>`,
  ],
  ["a base address", `<base href="https://evil.example/shop/" target=_top>`],
  [
    "elements that are never closed",
    "<b><i><p><form action=https://evil.example/><select><option><table><tr><td>",
  ],
  ["a drawing that is never closed", "<svg><g><title>"],
  ["what looks like the end of a script", `&lt;/script&gt;<!-- <script> -->`],
];

/** Contents of storage that others wrote: each is one key and its text. */
const saved = (change: Record<string, unknown>) =>
  JSON.stringify({
    id: "6b057c40001122334455667788991000",
    key: "k",
    end: Date.now() + 36e5,
    skew: 0,
    consent: "a1m1p1s1",
    cookies: [],
    config: {},
    ...change,
  });
const FOREIGN = saved({ id: "f".repeat(32) });
const QUEUED = { event: { id: "aaaaaaaa", name: "cart_viewed", timestamp: 1, data: {} }, sent: 0 };
const STORED: [what: string, key: string, text: string][] = [
  ["a session that is no JSON", "_tk_s", "{"],
  ["a session that is nothing", "_tk_s", "null"],
  ["a session that is a list", "_tk_s", "[1]"],
  ["a session without cookies or settings", "_tk_s", saved({ cookies: null, config: null })],
  ["a session for ever", "_tk_s", saved({ end: 1e99 })],
  ["a session of another key", "_tk_s", FOREIGN],
  ["an event that is no JSON", "_tk_qaaaaaaaa", "{"],
  ["an event that is nothing", "_tk_qaaaaaaaa", "null"],
  ["an event without an id", "_tk_qaaaaaaaa", JSON.stringify({ event: {}, sent: 0 })],
  ["an event whose text is none", "_tk_qaaaaaaaa", JSON.stringify({ ...QUEUED, body: { a: 1 }, token: {} })],
  ["an event sent in the future", "_tk_qaaaaaaaa", JSON.stringify({ ...QUEUED, sent: 1e99 })],
  ["a cart that is no JSON", "_tk_l", "{"],
  ["a cart that is no list", "_tk_l", "7"],
  ["a cart of nothings", "_tk_l", "[null]"],
];

/** What Shopify's cart answers, or a script in between. */
const CARTS: [what: string, cart: string][] = [
  ["is a page", "<!doctype html><p>Enter with password"],
  ["is nothing", "null"],
  ["has no lines", `{"token":"c1","currency":"USD"}`],
  ["has lines of nothing", `{"token":"c1","currency":"USD","items":[null,{}]}`],
  ["has a token that is none", `{"token":{"a":1},"currency":"USD","items":[]}`],
];

/** Of what was asked: who was told of, with which words, and of what. */
const told = ({ events, told, written, cookies }: Shown) => ({
  events,
  who: told.map(({ path, body: { visitor, consent, region, gpc } }) => ({
    path,
    visitor,
    consent,
    region,
    gpc,
  })),
  written,
  cookies,
});

describe.skipIf(withoutBrowser("tests/browser/hostile-page"))("a page nobody can trust", () => {
  const kit = pageKit();
  let plain: ReturnType<typeof told>;
  beforeAll(async () => {
    plain = told(await kit.show());
  });

  /** Nobody but the shop is asked anything, and nothing is said that a plain page does not say. */
  async function unmoved(options: ShownPage): Promise<Shown> {
    const shown = await kit.show(options);
    expect(shown.elsewhere.filter((url) => !options.markup?.includes(url))).toEqual([]);
    expect(shown.errors).toEqual([]);
    expect(shown.events).toMatchObject(plain.events);
    expect(shown.cookies).toEqual(plain.cookies);
    return shown;
  }

  test("a plain page tells of itself, once, and writes what the order has to carry", () => {
    expect(Object.keys(plain.events).sort()).toEqual(["page_viewed", "product_viewed"]);
    expect(plain.who[0]).toEqual({
      path: "session",
      visitor: {},
      consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
      region: "USCA",
      gpc: undefined,
    });
    expect(plain.cookies).toMatchObject({ cart: "c1", _tk_v: VISITOR });
    const attributes = new URLSearchParams(plain.written.at(-1));
    expect(attributes.get("attributes[__trk_vid]")).toBe(VISITOR);
    expect(attributes.get("attributes[__trk_region]")).toBe("USCA");
  });

  test.each(MARKUP)("in a product's text change nothing: %s", async (_what, markup) => {
    const shown = await unmoved({ markup });
    expect(told(shown)).toEqual(plain);
    // and no bridge for tags that are elements
    expect(await shown.page.evaluate("Object.keys(trakit).sort()")).toEqual(["rules", "seen", "tell"]);
  });

  test.each(STORED)("in storage does no harm: %s", async (_what, key, text) => {
    await unmoved({ before: `localStorage[${JSON.stringify(key)}] = ${JSON.stringify(text)}` });
  });

  test("cookies a kept session names are the visitor's and no others", async () => {
    const cookies = ["cart=evil; Path=/", "session=evil", "_fbpx=evil; Path=/", "evil", null, {}];
    const shown = await kit.show({
      before: `localStorage._tk_s = ${JSON.stringify(saved({ cookies }))}`,
    });
    expect(shown.cookies["cart"]).toBe("c1");
    expect(JSON.stringify(shown.cookies)).not.toContain("evil");
  });

  test.each(CARTS)("the cart's answer %s: events go all the same", async (_what, cart) => {
    await unmoved({ cart });
  });

  test.each([
    "//evil.example/",
    "https://evil.example/",
    "@evil.example/",
    ".evil.example/",
    "\\\\evil.example/",
  ])(
    "a root of %s leads nowhere but to the shop",
    async (root) => {
      const shopify = `var Shopify = { routes: { root: ${JSON.stringify(root)} }, customerPrivacy: {
        analyticsProcessingAllowed: () => true, marketingAllowed: () => true, preferencesProcessingAllowed: () => true,
        saleOfDataAllowed: () => true }, loadFeatures: (_, done) => setTimeout(done) };`;
      const shown = await kit.show({ shopify, alive: "events" });
      expect(shown.elsewhere).toEqual([]);
      expect(shown.events).toEqual(plain.events);
    },
  );

  test("elements in the place of Shopify's object are nobody's yes", async () => {
    const shown = await kit.show({
      shopify: "",
      markup:
        `<form id=Shopify><input name=customerPrivacy><input name=loadFeatures><input name=routes></form>`,
      alive: "nothing",
    });
    expect(shown.told).toEqual([]);
    expect(shown.cookies).toEqual({ cart: "c1" });
    expect(shown.elsewhere).toEqual([]);
  });

  describe("of several visitor ids in cookies", () => {
    const mine = "a".repeat(32);
    const theirs = "b".repeat(32);
    const two = [
      { name: "_tk_v", value: mine },
      { name: "_tk_v", value: theirs, path: "/products" },
    ];

    test("none is used where nothing tells which is ours", async () => {
      const { told } = await kit.show({ cookies: two });
      expect(told[0]!.body.visitor).not.toHaveProperty("visitor_id");
    });

    test("the one the proof was given for is used, whatever the cookies say", async () => {
      const before = `localStorage._tk_v = ${JSON.stringify(mine)}; localStorage._tk_p = "proven"`;
      for (const cookies of [two, [{ name: "_tk_v", value: theirs }]]) {
        const { told } = await kit.show({ cookies, before });
        expect(told[0]!.body.visitor).toMatchObject({ visitor_id: mine, proof: "proven" });
      }
    });

    test("one alone is used, and the proof that comes for the visitor is kept and shown from then on", async () => {
      const shown = await kit.show({ cookies: [{ name: "_tk_v", value: mine }] });
      expect(shown.told[0]!.body.visitor).toMatchObject({ visitor_id: mine });
      expect(shown.stored).toMatchObject({ _tk_v: VISITOR, _tk_p: PROOF });
      expect(shown.told.at(-1)!.body.visitor).toMatchObject({ visitor_id: VISITOR, proof: PROOF });
    });
  });

  test("the cookie of click ids names no visitor", async () => {
    const text = JSON.stringify({
      ttclid: "E.C.P.mine",
      visitor_id: "b".repeat(32),
      client_id: "c",
      proof: "p",
      consent: { marketing: false },
    });
    const { told } = await kit.show({ cookies: [{ name: "_tk_c", value: encodeURIComponent(text) }] });
    expect(told[0]!.body.visitor).toMatchObject({ ttclid: "E.C.P.mine" });
    for (const key of ["visitor_id", "client_id", "proof"]) {
      expect(told[0]!.body.visitor).not.toHaveProperty(key);
    }
    expect(told[0]!.body.consent).toEqual(plain.who[0]!.consent);
  });

  test.each(["_tk_c", "cart", "_fbp", "__proto__"])(
    "a cookie %s that decodes to nothing stops nothing",
    async (name) => {
      const shown = await kit.show({ cookies: [{ name, value: "%E0%A4%A" }, { name: "%", value: "%" }] });
      expect(shown.events).toEqual(plain.events);
      expect(shown.errors).toEqual([]);
    },
  );

  test("what stands in the address and its fragment is told and not believed", async () => {
    const path = `/products/mug?__proto__[address]=https://evil.example/*&trakit-data=${
      encodeURIComponent(EVIL)
    }#trakit=${encodeURIComponent(EVIL)}`;
    const shown = await kit.show({ path });
    expect(shown.elsewhere).toEqual([]);
    expect(shown.errors).toEqual([]);
    expect(Object.keys(shown.events).sort()).toEqual(["page_viewed", "product_viewed"]);
  });

  test("messages of other windows are not listened to", async () => {
    await unmoved({
      before: `addEventListener("load", () => { for (const text of [${JSON.stringify(EVIL)}, "{}"]) {
        postMessage(text, "*"); postMessage(JSON.parse(text), "*"); } });`,
    });
  });

  test("properties a page's script gave to every object say nothing of the visitor, and stop nothing", async () => {
    const names = ["fbc", "visitor_id", "token", "body", "seen", "consent_", "each", "extend"];
    const shown = await unmoved({
      before: `for (const name of ${JSON.stringify(names)}) Object.prototype[name] = "evil";`,
    });
    expect(told(shown)).toEqual(plain);
  });

  test("the merchant's own tag works beside elements named like others", async () => {
    const shown = await kit.show({
      before: `self.calls = []; self.fbq = (...given) => calls.push(given);`,
      markup: `<iframe name=ttq src="https://evil.example/"></iframe><form id=gtag></form><a id=snaptr></a>`,
      answer: {
        config: {
          cookie_domain: null,
          tags: Object.fromEntries(
            ["meta", "tiktok", "snapchat", "google", "pinterest"].map((tag) => [tag, { mode: "fire" }]),
          ),
        },
      },
    });
    await shown.page.waitForFunction("calls.length === 2");
    expect(await shown.page.evaluate("calls.map(([, name]) => name).sort()")).toEqual([
      "PageView",
      "ViewContent",
    ]);
    expect(shown.errors).toEqual([]);
  });

  test("a browser that says no to the sale of data is heard", async () => {
    const shown = await kit.show({
      before: `Object.defineProperty(navigator, "globalPrivacyControl", { value: true });`,
    });
    expect(shown.told[0]!.body).toMatchObject({
      gpc: true,
      consent: { sale_of_data: false, marketing: true },
    });
    expect(new URLSearchParams(shown.written.at(-1)).get("attributes[__trk_consent]")).toBe("a1m1p1s0");
  });
});
