import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { visitorProof } from "@trakit/core/storefront-keys.ts";
import { signProxyQuery } from "@trakit/shopify/verify.ts";
import { KEYS, pipelineKit, proxyRequest, SECRET } from "../support/pipeline.ts";
import { pageView, proxyKit, signed, YES } from "../support/storefront.ts";

const kit = await pipelineKit();
const proxy = proxyKit(kit);
const FBP = "fb.1.1792998010123.1234567890";
const CUSTOMER = "7012345678901";
const STORE = "blue-mugs.example";

const newId = () => randomBytes(16).toString("hex");
const event = () => pageView({ id: newId(), timestamp: kit.now() });
const stored = (shopId: string) =>
  kit.database.query<{ identifiers: Record<string, string> }>(
    "postgres",
    "select identifiers from trakit.events where shop_id = $1 order by id",
    [shopId],
  );

describe("a customer", () => {
  test("is joined by events of a session opened under their login, and by no other's", async () => {
    const shop = await kit.shop();
    const victim = { customerId: CUSTOMER };
    const theirs = (await proxy.session(shop.domain, { consent: YES }, victim)).body.session;
    const strangers = (await proxy.session(shop.domain, { consent: YES })).body.session;
    const others = (await proxy.session(shop.domain, { consent: YES }, { customerId: "42" })).body.session;
    const send = (entry: unknown) => proxy.send(shop.domain, { events: [entry], consent: YES }, victim);
    // as another site's page would have the customer's browser send it
    for (const session of [strangers, others]) {
      expect((await send(signed(session, event()))).body).toMatchObject({
        results: [{ status: "accepted" }],
        session: "renew",
      });
    }
    const unsigned = await send(event());
    expect(unsigned.body.results).toMatchObject([{ status: "accepted" }]);
    expect(unsigned.body).not.toHaveProperty("session");
    const own = await send(signed(theirs, event()));
    expect(own.body).not.toHaveProperty("session");
    expect((await stored(shop.id)).map(({ identifiers }) => identifiers.customer_id)).toEqual([
      undefined,
      undefined,
      undefined,
      CUSTOMER,
    ]);
  });

  test("whose browser was made to show a stranger's visitor id gives the stranger nothing", async () => {
    const shop = await kit.shop();
    const id = newId();
    const victim = { customerId: CUSTOMER };
    const strangers =
      (await proxy.session(shop.domain, { consent: YES, visitor: { visitor_id: id } })).body.session;
    await proxy.send(shop.domain, {
      events: [signed(strangers, event())],
      visitor: { visitor_id: id },
      consent: YES,
    });
    // the customer's own visit, and then the stranger's page in their browser
    const theirs = (await proxy.session(shop.domain, { consent: YES }, victim)).body.session;
    await proxy.send(shop.domain, {
      events: [signed(theirs, event())],
      visitor: { visitor_id: newId(), fbp: FBP },
      consent: YES,
    }, victim);
    await proxy.send(
      shop.domain,
      { events: [signed(strangers, event())], visitor: { visitor_id: id, proof: null }, consent: YES },
      victim,
    );
    const back = await proxy.session(shop.domain, { consent: YES, visitor: { visitor_id: id } });
    expect(back.body.visitor.visitor_id).toBe(id);
    expect(back.body.visitor.fbp).not.toBe(FBP);
  });
});

describe("a query with parameters beside Shopify's", () => {
  /** As Shopify signs what a visitor put on the address, or what it adds itself. */
  function withExtra(domain: string, body: unknown, place: string, extra: [string, string][]): Request {
    const plain = proxyRequest(domain, JSON.stringify(body), {
      path: `/proxy/${place}`,
      signedAt: kit.now(),
      customerId: CUSTOMER,
    });
    const url = new URL(plain.url);
    const query = new URLSearchParams(
      [...extra, ...url.searchParams].filter(([name]) => name !== "signature"),
    );
    query.append("signature", signProxyQuery(query, SECRET));
    url.search = query.toString();
    const request = new Request(url, plain);
    request.headers.set("x-forwarded-host", "taught.example");
    request.headers.set("x-forwarded-for", "198.51.100.9");
    return request;
  }

  test("is answered, with the rights of the public key: no customer, no host learnt; and counted", async () => {
    const shop = await kit.shop();
    const { body: { session } } = await proxy.session(shop.domain, { consent: YES }, {
      customerId: CUSTOMER,
    });
    await proxy.send(
      shop.domain,
      { events: [signed(session, event())], visitor: { fbp: FBP }, consent: YES },
      { customerId: CUSTOMER },
    );
    const opened = await proxy.read(
      withExtra(shop.domain, { consent: YES }, "session", [["utm_source", "mail"]]),
    );
    expect(opened.status).toBe(200);
    expect(opened.body.visitor.fbp).not.toBe(FBP);
    const sent = await proxy.read(
      withExtra(shop.domain, { events: [signed(session, event())], consent: YES }, "event", [["a", "1"], [
        "a",
        "2",
      ]]),
    );
    expect(sent).toMatchObject({ status: 202, cookies: [], body: { results: [{ status: "accepted" }] } });
    expect(sent.body.visitor.fbp).not.toBe(FBP);
    expect((await stored(shop.id)).map(({ identifiers }) => identifiers.customer_id)).toEqual([
      CUSTOMER,
      undefined,
    ]);
    expect(await kit.refusals(shop.id)).toEqual({ extra_parameter: 2 });
    const [row] = await kit.database.query<{ hosts: string[] }>(
      "postgres",
      "select hosts from trakit.shops where id = $1",
      [shop.id],
    );
    expect(row!.hosts).not.toContain("taught.example");
  });
});

describe("a visitor id", () => {
  const visited = async () => {
    const shop = await kit.shop();
    const { body } = await proxy.session(shop.domain, { consent: YES, visitor: { fbp: FBP } }, {
      host: STORE,
    });
    const { visitor, visitor_proof: proof, session } = body;
    await proxy.send(shop.domain, {
      events: [signed(session, event())],
      visitor: { visitor_id: visitor.visitor_id, proof, fbp: FBP },
      consent: YES,
    });
    return { shop, id: visitor.visitor_id as string, proof: proof as string };
  };
  const open = (domain: string, visitor: Record<string, unknown>) =>
    proxy.session(domain, { consent: YES, visitor }, { host: STORE });

  test("is given with the proof of it, through the app proxy in the answer, and restores with it", async () => {
    const { shop, id, proof } = await visited();
    expect(proof).toBe(visitorProof(KEYS, shop.domain, id));
    const { body } = await open(shop.domain, { visitor_id: id, proof });
    expect(body).toMatchObject({ visitor: { visitor_id: id, fbp: FBP }, visitor_proof: proof });
  });

  test.each([
    ["none", () => null],
    ["another id's", (domain: string) => visitorProof(KEYS, domain, "f".repeat(32))],
    ["another shop's", (_: string, id: string) => visitorProof(KEYS, "other.myshopify.com", id)],
    ["something else", () => "x"],
  ])("with %s as its proof gives nothing back, and is replaced", async (_, proofOf) => {
    const { shop, id } = await visited();
    const answer = await open(shop.domain, { visitor_id: id, proof: proofOf(shop.domain, id) });
    expect(answer.body.visitor.visitor_id).toMatch(/^[0-9a-f]{32}$/);
    expect(answer.body.visitor.visitor_id).not.toBe(id);
    expect(answer.body.visitor.fbp).not.toBe(FBP);
    expect(answer.body.visitor_proof).toBe(visitorProof(KEYS, shop.domain, answer.body.visitor.visitor_id));
    expect(await kit.refusals(shop.id)).toEqual({ unproven_visitor: 1 });
  });

  test("without proof takes nobody's consent back", async () => {
    const { shop, id, proof } = await visited();
    const no = { analytics: false, marketing: false };
    await proxy.session(shop.domain, { consent: no, visitor: { visitor_id: id, proof: null } });
    expect((await open(shop.domain, { visitor_id: id, proof })).body.visitor.fbp).toBe(FBP);
    await proxy.session(shop.domain, { consent: no, visitor: { visitor_id: id, proof } });
    expect((await open(shop.domain, { visitor_id: id, proof })).body.visitor.fbp).not.toBe(FBP);
  });

  test("in events restores with its proof alone; with a false one it is nobody's", async () => {
    const { shop, id, proof } = await visited();
    const send = (shown: string | null) =>
      proxy.send(shop.domain, { events: [event()], visitor: { visitor_id: id, proof: shown }, consent: YES });
    expect((await send(proof)).body).toMatchObject({
      visitor: { visitor_id: id, fbp: FBP },
      visitor_proof: proof,
    });
    expect((await send(null)).body).toMatchObject({
      visitor: { visitor_id: id, fbp: null },
      visitor_proof: null,
    });
    const forged = await send("x".repeat(22));
    expect(forged.body).toMatchObject({ visitor: { visitor_id: null, fbp: null }, visitor_proof: null });
    expect((await stored(shop.id)).map(({ identifiers }) => identifiers.visitor_id)).toEqual([
      id,
      id,
      id,
      undefined,
    ]);
    expect(await kit.refusals(shop.id)).toEqual({ unproven_visitor: 1 });
  });

  test.each([
    ["pixel's id", { client_id: "5742a6f3-0f6c-4c39-9c52-0d3a6e9b1f11" }, {}],
    ["customer", {}, { customerId: "42" }],
  ])(
    "without its proof is not joined to the %s beside it, which would give back what it leads to",
    async (_, own, login) => {
      const { shop, id, proof } = await visited();
      const mine = () => proxy.session(shop.domain, { consent: YES, visitor: own }, login);
      const { session } = (await mine()).body;
      const answer = await proxy.send(
        shop.domain,
        {
          events: [signed(session, event())],
          visitor: { ...own, visitor_id: id, proof: null },
          consent: YES,
        },
        login,
      );
      expect(answer.body).toMatchObject({ results: [{ status: "accepted" }], visitor_proof: null });
      const { visitor } = (await mine()).body;
      expect(visitor.visitor_id).not.toBe(id);
      expect(visitor.fbp).not.toBe(FBP);
      expect((await open(shop.domain, { visitor_id: id, proof })).body.visitor).toMatchObject({ fbp: FBP });
      expect(await kit.refusals(shop.id)).toEqual({ unproven_visitor: 1 });
    },
  );

  test("has its proof in a cookie of the answering host alone, and of several ids only that one counts", async () => {
    const { shop, id, proof } = await visited();
    const intruder = newId();
    const direct = (cookie: string, body: unknown = { consent: YES }, place = "session") =>
      proxy.direct(shop.domain, body, {
        place,
        headers: { cookie, host: `t.${STORE}`, "x-forwarded-host": `t.${STORE}`, origin: `https://${STORE}` },
      });
    const set = await direct(`_tk_v=${id}; __Host-tk_p=${proof}`);
    expect(set.body.visitor).toMatchObject({ visitor_id: id, fbp: FBP });
    const cookie = set.cookies.find((text) => text.startsWith("__Host-tk_p="))!;
    expect(cookie).toContain(`__Host-tk_p=${proof}; Path=/; `);
    expect(cookie).toContain("Secure; HttpOnly");
    expect(cookie).not.toContain("Domain");
    // the browser sends the cookie of the longer path first: a subdomain can have set it so
    for (const cookies of [`_tk_v=${intruder}; _tk_v=${id}`, `_tk_v=${id}; _tk_v=${intruder}`]) {
      const proven = await direct(`${cookies}; __Host-tk_p=${proof}`);
      expect(proven.body.visitor).toMatchObject({ visitor_id: id, fbp: FBP });
      const doubled = await direct(cookies);
      expect([id, intruder]).not.toContain(doubled.body.visitor.visitor_id);
      expect(doubled.body.visitor.fbp).not.toBe(FBP);
      await direct(cookies, { events: [event()], consent: YES }, "event");
      expect((await stored(shop.id)).at(-1)!.identifiers).not.toHaveProperty("visitor_id");
    }
  });
});
