/**
 * The table of identifiers says all there is to say of one: everything below goes over the whole table, so a new row is
 * tried as it is written.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { clickIdsFromUrl } from "@trakit/core/click-ids.ts";
import { consentedIdentifiers } from "@trakit/core/consent.ts";
import { fbcParts } from "@trakit/core/cookies.ts";
import { EMPTY_IDENTIFIERS, type Identifiers } from "@trakit/core/event.ts";
import {
  CLICKS_COOKIE,
  IDENTIFIER_LIST,
  type NamedIdentifier,
  RETURNED_NAMES,
} from "@trakit/core/identifiers.ts";
import { hintedIdentifiers } from "@trakit/shopify/attributes.ts";
import { browserIdentifiers } from "@trakit/shopify/browser-identifiers.ts";
import { ATTRIBUTES } from "../../packages/storefront/src/shared/identifiers.ts";
import { visitorIn } from "../../packages/storefront/src/shared/visitor.ts";
import { withCookies } from "../../functions/proxy/cookies.ts";
import { openapi } from "../../functions/health/openapi.ts";
import { EVENING, pipelineKit } from "../support/pipeline.ts";
import { pageView, proxyKit, signed, YES } from "../support/storefront.ts";

const kit = await pipelineKit();
const proxy = proxyKit(kit);
const SHOP = "https://blue-mugs.example/";
const visitorId = () => randomBytes(16).toString("hex");
const NO_MARKETING = { ...YES, marketing: false };
const NO_ANALYTICS = { ...YES, analytics: false };

const each = (wanted: (row: NamedIdentifier) => boolean) =>
  IDENTIFIER_LIST.filter(wanted).map((row) => [row.name, row] as const);
const told = each(({ field }) => field !== null);
const clicks = each(({ parameters }) => parameters.length > 0);
/** The cookie of a stream has some name. */
const cookieName = (cookie: string) => cookie.replace("*", "AB12CD");
/** An address that brings the row's click, and what is to be captured of it. */
function landing({ parameters, made, example, read }: NamedIdentifier, at: number, name = parameters[0]!) {
  const value = made ? fbcParts(example)!.click : example;
  return {
    url: `${SHOP}?utm_source=x&${name}=${encodeURIComponent(value)}`,
    captured: made ? `fb.1.${at}.${value}` : read(value),
  };
}
const noEvent = { href: null, pixelClientId: null, customerId: null, occurredAt: EVENING };
const stored = async (domain: string) =>
  (await kit.database.query<{ identifiers: Partial<Identifiers> }>(
    "postgres",
    "select e.identifiers from trakit.events e join trakit.shops s on s.id = e.shop_id where s.domain = $1",
    [domain],
  )).map((row) => row.identifiers);

async function send(domain: string, visitor: object, consent: object, url = SHOP) {
  const { body } = await proxy.session(domain, { consent });
  const event = pageView({ id: visitorId(), timestamp: kit.now(), page: { url, title: "Mug" } });
  return await proxy.send(domain, {
    events: [signed(body.session, event, { at: kit.now() })],
    visitor,
    consent,
  });
}

test("every example is what its vendor makes, and is kept byte for byte", () => {
  for (const { name, example, read } of IDENTIFIER_LIST) {
    expect([name, read(example)]).toEqual([name, example]);
  }
});

test("no example stands in another's, so that what is found of one is of that one", () => {
  for (const { name, example } of IDENTIFIER_LIST) {
    const others = IDENTIFIER_LIST.filter((other) => other.name !== name && other.example.includes(example));
    expect([name, others.map((other) => other.name)]).toEqual([name, []]);
  }
});

test("no cookie, parameter or attribute leads to two identifiers", () => {
  for (
    const names of [
      IDENTIFIER_LIST.flatMap((row) => row.cookies),
      IDENTIFIER_LIST.flatMap((row) => row.parameters.map((name) => name.toLowerCase())),
      IDENTIFIER_LIST.flatMap((row) => row.attribute ? [row.attribute, ...row.othersAttributes] : []),
    ]
  ) expect(new Set(names).size).toBe(names.length);
});

describe.each(clicks)("%s in a landing page's address", (name, row) => {
  test("is captured, and is newer than what the browser has", () => {
    const { url, captured } = landing(row, EVENING);
    const older = row.made ? "fb.1.1700000000000.older" : "older";
    const found = browserIdentifiers({ [row.field!]: older }, { ...noEvent, href: url });
    expect(found).toEqual({ ...EMPTY_IDENTIFIERS, [name]: captured });
  });

  test("is known by its name as it is written, or in any case where the table says so", () => {
    const { url } = landing(row, EVENING, row.parameters[0]!.toUpperCase());
    expect(Object.keys(clickIdsFromUrl(url)).length).toBe(
      row.anyCase || row.parameters[0] === row.parameters[0]!.toUpperCase() ? 1 : 0,
    );
  });

  test("stands in for an order's cart attribute", () => {
    const { url, captured } = landing(row, EVENING);
    expect(hintedIdentifiers(new Map(), url, EVENING)[name]).toBe(captured);
    if (row.attribute) {
      expect(hintedIdentifiers(new Map([[row.attribute, row.example]]), url, EVENING)[name]).toBe(
        row.example,
      );
    }
  });
});

describe.each(told)("%s", (name, row) => {
  test("is read from each of its cookies by server and script, where consent allows it", () => {
    for (const cookie of row.cookies) {
      const header = `other=1; ${cookieName(cookie)}=${row.example}; last=2`;
      expect(browserIdentifiers(withCookies({}, header), noEvent)[name]).toBe(row.example);
      expect(browserIdentifiers(visitorIn(header, YES), noEvent)[name]).toBe(row.example);
      for (const [consent, purpose] of [[NO_MARKETING, "marketing"], [NO_ANALYTICS, "analytics"]] as const) {
        expect(browserIdentifiers(visitorIn(header, consent), noEvent)[name])
          .toBe(row.purpose === purpose ? null : row.example);
      }
    }
  });

  test("is read from its cart attribute, which the script writes", () => {
    if (row.attribute === null) return;
    const written = ATTRIBUTES.split(" ").map((pair) => pair.split("=") as [string, string?])
      .map(([attribute, field = attribute]) => [`__trk_${attribute}`, field]);
    expect(written).toContainEqual([row.attribute, row.field]);
    for (const attribute of [row.attribute, ...row.othersAttributes]) {
      expect(hintedIdentifiers(new Map([[attribute, row.example]]), null, EVENING)[name]).toBe(row.example);
    }
  });

  test("is stored of a browser's event, and not where its purpose was refused", async () => {
    for (
      const [consent, purpose] of [[YES, null], [NO_MARKETING, "marketing"], [
        NO_ANALYTICS,
        "analytics",
      ]] as const
    ) {
      const shop = await kit.shop();
      await send(shop.domain, { [row.field!]: row.example }, consent);
      const kept = purpose !== null && row.purpose === purpose ? undefined : row.example;
      expect((await stored(shop.domain)).map((identifiers) => identifiers[name])).toEqual([kept]);
    }
  });

  test("is given back to a browser that lost it, as the cookies the table names, or only read", async () => {
    const shop = await kit.shop();
    const id = name === "visitor_id" ? row.example : visitorId();
    await send(shop.domain, { visitor_id: id, [row.field!]: row.example }, YES);
    const { body } = await proxy.session(shop.domain, { visitor: { visitor_id: id }, consent: YES });
    expect(body.visitor[name]).toBe(row.returned.length > 0 ? row.example : undefined);
    for (const cookie of row.returned) {
      const text = decodeURIComponent(body.cookies.find((one: string) => one.startsWith(`${cookie}=`)) ?? "");
      expect(text).toContain(row.example);
    }
    const refused = {
      ...YES,
      ...row.purpose ? { [row.purpose]: false } : { marketing: false, analytics: false },
    };
    const after = await proxy.session(shop.domain, { visitor: { visitor_id: id }, consent: refused });
    expect(after.body.visitor[name] ?? null).toBeNull();
  });
});

test("new clicks of all vendors in an event's address replace the older ones in the browser", async () => {
  const shop = await kit.shop();
  const rows = IDENTIFIER_LIST.filter(({ parameters }) => parameters.length > 0);
  const query = rows.map((row) => landing(row, EVENING).url.split("&")[1]).join("&");
  const older = Object.fromEntries(
    rows.map((row) => [row.field, row.made ? "fb.1.1700000000000.older" : "older"]),
  );
  const { body } = await send(shop.domain, older, YES, `${SHOP}?${query}`);
  for (const row of rows.filter(({ returned }) => returned.length > 0)) {
    expect([row.name, body.visitor[row.name]]).toEqual([row.name, landing(row, kit.now()).captured]);
  }
});

test("one click id too long for the cookie of clicks leaves the others in it", async () => {
  const shop = await kit.shop();
  const long = "%7B".repeat(330);
  const visitor = { ttclid: long, gclid: "g-1", sc_click_id: long, epik: long, msclkid: "m-1" };
  const { body } = await proxy.session(shop.domain, { visitor, consent: YES });
  const text = body.cookies.find((one: string) => one.startsWith(`${CLICKS_COOKIE}=`)) ?? "";
  expect(text.length).toBeLessThan(4096);
  expect(JSON.parse(decodeURIComponent(text.split("=")[1]!.split(";")[0]!)))
    .toEqual({ ttclid: long, epik: long, gclid: "g-1", msclkid: "m-1" });
});

test("SQL drops what TypeScript drops, for every consent", async () => {
  const all = Object.fromEntries(IDENTIFIER_LIST.map(({ name, example }) => [name, example])) as Identifiers;
  const states = [true, false, null];
  for (const analytics of states) {
    for (const marketing of states) {
      const consent = { analytics, marketing, preferences: null, sale_of_data: null };
      const [row] = await kit.database.query<{ kept: object }>(
        "postgres",
        "select trakit.consented_identifiers($1, $2) as kept",
        [all, consent],
      );
      const kept = Object.entries(consentedIdentifiers(all, consent)).filter(([, value]) => value !== null);
      expect(row!.kept).toEqual(Object.fromEntries(kept));
    }
  }
});

test("an event completed with it says so by the word for what it names", async () => {
  for (const { name, names, example } of IDENTIFIER_LIST) {
    const [row] = await kit.database.query<{ enriched: string[] }>(
      "postgres",
      "select trakit.enriched_names($1, $2) as enriched",
      [{ identifiers: {}, digests: {} }, { identifiers: { [name]: example }, digests: {} }],
    );
    const words: Record<string, string[]> = {
      browser: ["browser_id"],
      click: ["click_id"],
      customer: ["external_id"],
    };
    expect([name, row!.enriched]).toEqual([name, words[names] ?? []]);
  }
});

test("the privacy page and OpenAPI name them all", () => {
  const page = readFileSync("docs/privacy.md", "utf8");
  for (const { name } of IDENTIFIER_LIST) expect(page).toContain(`| \`${name}\` `);
  // deno-lint-ignore no-explicit-any -- a JSON document
  const { paths, components } = openapi("0.0.0") as any;
  const asked = paths["/proxy/session"].post.requestBody.content["application/json"].schema;
  expect(JSON.stringify(asked)).toContain('"fbclid_at"');
  for (const [, { field }] of told) expect(JSON.stringify(asked)).toContain(`"${field}":`);
  expect(Object.keys(components.schemas.SessionAnswer.properties.visitor.properties)).toEqual(RETURNED_NAMES);
});
