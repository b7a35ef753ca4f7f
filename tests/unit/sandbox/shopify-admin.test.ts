/** Whatever an app sends to the stand-in for Shopify's admin, it is answered in Shopify's words: it never throws. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createShopifyAdmin } from "@trakit/sandbox/admin/shopify-admin.ts";

const SHOP = "shop.myshopify.com";
let ids = 0;
const admin = createShopifyAdmin({
  apiKey: "key",
  secret: "secret",
  redirectUrls: ["https://app.example/callback"],
  now: () => 1_000_000,
  hex: (bytes) => String(++ids).padStart(bytes * 2, "0"),
});

function post(path: string, body: string, token = "") {
  const answer = admin.handle({
    method: "POST",
    path: `/${SHOP}${path}`,
    query: new URLSearchParams(),
    header: (name) => name === "x-shopify-access-token" ? token : null,
    body,
  });
  return { status: answer.status, value: JSON.parse(answer.body) };
}

const exchange = {
  client_id: "key",
  client_secret: "secret",
  grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
  subject_token: admin.sessionToken(SHOP),
  subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  requested_token_type: "urn:shopify:params:oauth:token-type:offline-access-token",
  expiring: "1",
};
const TOKENS = "/admin/oauth/access_token";
const GRAPHQL = "/admin/api/2026-10/graphql.json";
const anyJson = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    { toString: "" },
    { valueOf: "", toString: "" },
    [{ toString: "" }],
    JSON.parse('{"__proto__": {"toString": ""}}'),
  ),
);

test("the token endpoint refuses anything that is no grant", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), anyJson.map((one) => JSON.stringify(one))), (body) => {
    const answer = post(TOKENS, body);
    expect(answer.status).toBe(400);
    expect(answer.value.error).toBe("invalid_client");
  }));
});

test("the token endpoint answers a grant with any one field replaced by anything", () => {
  const names = Object.keys(exchange) as (keyof typeof exchange)[];
  const codes = [exchange, { ...exchange, grant_type: "refresh_token", refresh_token: "x", code: "y" }];
  fc.assert(
    fc.property(fc.constantFrom(...codes), fc.constantFrom(...names), anyJson, (form, name, value) => {
      const answer = post(TOKENS, JSON.stringify({ ...form, [name]: value }));
      expect(answer.status === 200 || typeof answer.value.error === "string").toBe(true);
    }),
  );
});

test("GraphQL answers any body, any query and any value of a variable", () => {
  const token = post(TOKENS, JSON.stringify(exchange)).value.access_token as string;
  fc.assert(fc.property(fc.oneof(fc.string(), anyJson.map((one) => JSON.stringify(one))), (body) => {
    expect(post(GRAPHQL, body, token)).toMatchObject({ status: 400, value: { errors: expect.anything() } });
  }));
  const shop = post(GRAPHQL, '{"query": "query { shop { id } }"}', token);
  expect(shop.value.data.shop.primaryDomain).toEqual({ host: SHOP });
  const fields = [
    "shop",
    "webPixel",
    "webPixelCreate",
    "webPixelUpdate",
    "customer",
    "nodes",
    "order",
    "orders",
    "x",
  ];
  const variables = ["id", "ids", "first", "after", "query", "settings"];
  fc.assert(
    fc.property(
      fc.constantFrom(...fields),
      fc.dictionary(fc.constantFrom(...variables), anyJson),
      (field, given) => {
        const body = JSON.stringify({ query: `query { ${field} { id } }`, variables: given });
        const answer = post(GRAPHQL, body, token);
        expect(answer.status).toBe(200);
        expect(answer.value.data ?? answer.value.errors).toBeDefined();
      },
    ),
  );
});
