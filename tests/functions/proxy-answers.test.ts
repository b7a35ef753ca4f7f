import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { conversionEventId, naturalKey } from "@trakit/core/event-id.ts";
import { webhooksHandler } from "../../functions/webhooks/handler.ts";
import { EVENING, pipelineKit, SECRET, webhookRequest } from "../support/pipeline.ts";
import { pageView, proxyKit, type Session, signed, YES } from "../support/storefront.ts";
import { fixture } from "../unit/shopify/fixture.ts";

/** A stranger who guesses asks as often as they like: what they are answered is the same whether a guess is right or not. */
const kit = await pipelineKit();
const proxy = proxyKit(kit);
const webhooks = webhooksHandler({ ...kit.deps(), secrets: [SECRET], waitUntil: kit.waitUntil });

const CART = "Z2NwLXVzLWVhc3QxOjAxSzhRWFZCTjdKRjg0VFlXU1I1UUUzMEtE";
const CHECKOUT = "5f7028e0bd52c2e9a4d4f5f8a6b1c2d3";
const random = () => randomBytes(16).toString("hex");

async function shopify(domain: string, topic: string, body: unknown) {
  const response = await webhooks(webhookRequest(domain, JSON.stringify(body), { topic }));
  expect(response.status).toBe(200);
  await kit.settled();
}

async function begin(domain: string): Promise<Session> {
  return (await proxy.session(domain, { consent: YES })).body.session;
}

const withCheckout = (name: string) => (token: string) =>
  pageView({ name, id: "of-no-account", data: { checkout: { token, currencyCode: "USD", lineItems: [] } } });
const completed = withCheckout("checkout_completed");
const started = withCheckout("checkout_started");
const registered = (email: string) =>
  pageView({ name: "customer_registered", id: "of-no-account", data: { customer: { email } } });
const viewed = (id: string) => pageView({ id });
const added = (id: string, cart = "cart-of-a-stranger-0") =>
  pageView({
    name: "product_added_to_cart",
    id,
    data: {
      cart: { id: cart },
      cartLine: {
        quantity: 1,
        merchandise: {
          id: "44512345678901",
          price: { amount: 19, currencyCode: "USD" },
          product: { id: "7112345678901" },
        },
      },
    },
  });

/** Whose guess it is: a browser with an id and cookies of its own. */
const VICTIM = { visitor_id: "ab".repeat(16), fbp: "fb.1.1792998010123.1234567890", ttp: "victims-ttp" };

interface Guess {
  /** What happens in the shop, to the person whose guess it is. */
  happened: (domain: string) => Promise<unknown>;
  /** What a stranger sends: right of what happened, wrong of nothing. */
  right: string;
  wrong: string;
  event: (guess: string) => { name: string; id?: string; [key: string]: unknown };
  /** No browser's event is taken by it, right or wrong. */
  refused?: true;
  /** The id the sender can compute themselves. */
  id: (domain: string, guess: string) => string;
}

const own = (_: string, guess: string) => guess;
const checkoutId = (name: "checkout_completed" | "checkout_started") => (domain: string, token: string) =>
  conversionEventId(domain, name, naturalKey.checkout(token));

const GUESSES: Record<string, Guess> = {
  "an address that registered at Shopify": {
    happened: (domain) =>
      shopify(domain, "customers/create", {
        ...fixture("customers-create") as object,
        email: "maya.okafor@example.com",
        created_at: new Date(EVENING).toISOString(),
        updated_at: new Date(EVENING).toISOString(),
      }),
    right: "maya.okafor@example.com",
    wrong: "nobody@example.com",
    event: registered,
    id: (domain, email) => conversionEventId(domain, "customer_registered", naturalKey.email(email)),
  },
  "an address somebody else left in a form": {
    happened: (domain) =>
      proxy.send(domain, { events: [registered("lina@example.com")], visitor: VICTIM, consent: YES }),
    right: "lina@example.com",
    wrong: "nobody@example.com",
    event: registered,
    id: (domain, email) => conversionEventId(domain, "customer_registered", naturalKey.email(email)),
  },
  "the checkout of an order": {
    happened: (domain) => shopify(domain, "orders/create", fixture("order-web-guest")),
    right: CHECKOUT,
    wrong: "aaaa28e0bd52c2e9a4d4f5f8a6b1c2d3",
    event: completed,
    id: checkoutId("checkout_completed"),
  },
  "an order's id in place of its checkout": {
    happened: (domain) =>
      shopify(domain, "orders/create", { ...fixture("order-web-guest") as object, checkout_token: null }),
    right: "5890123456781",
    wrong: "5890123456999",
    refused: true,
    event: completed,
    id: checkoutId("checkout_completed"),
  },
  "a checkout somebody else began": {
    happened: (domain) => proxy.send(domain, { events: [started(CHECKOUT)], visitor: VICTIM, consent: YES }),
    right: CHECKOUT,
    wrong: "aaaa28e0bd52c2e9a4d4f5f8a6b1c2d3",
    event: started,
    id: checkoutId("checkout_started"),
  },
  "the id of an event of somebody else": {
    happened: async (domain) => {
      const events = [signed(await begin(domain), viewed("event-of-somebody-else"))];
      return await proxy.send(domain, { events, visitor: VICTIM, consent: YES });
    },
    right: "event-of-somebody-else",
    wrong: "event-of-nobody-at-all",
    event: (id) => viewed(id),
    id: own,
  },
  "the id of an add to a cart that Shopify told of under another": {
    happened: async (domain) => {
      const at = new Date(EVENING).toISOString();
      const cart = {
        ...fixture("cart-update") as object,
        id: CART,
        token: CART,
        created_at: at,
        updated_at: at,
      };
      await shopify(domain, "carts/update", cart);
      return await proxy.send(domain, {
        events: [added("add-of-somebody-else", CART)],
        visitor: VICTIM,
        consent: YES,
      });
    },
    right: "add-of-somebody-else",
    wrong: "add-of-nobody-at-all",
    event: (id) => added(id),
    id: own,
  },
};

/** The whole answer, but for what is the sender's own and the moment. */
function shown(answer: Awaited<ReturnType<typeof proxy.send>>, id: string, visitor = "") {
  const headers = Object.fromEntries(answer.headers);
  const body = { ...answer.body, visitor_proof: typeof answer.body.visitor_proof };
  let text = JSON.stringify({ status: answer.status, headers, body }).replaceAll(id, "the sender's own id");
  if (visitor !== "") text = text.replaceAll(visitor, "the sender's own visitor");
  expect(text).not.toContain(VICTIM.fbp);
  expect(text).not.toContain(VICTIM.ttp);
  return JSON.parse(text);
}

describe.each(Object.entries(GUESSES))("whether %s is known", (_, guess) => {
  const ways: [string, (event: ReturnType<Guess["event"]>, id: string, session: Session) => unknown][] = [
    ["signed", (event, eventId, session) => signed(session, event, { eventId })],
    ["unsigned", (event) => event],
  ];
  test.each(ways)("no answer tells, %s: to one guess, to its repeat, or to another body", async (_, way) => {
    // as nobody, and as a visitor of their own
    const shop = await kit.shop();
    await guess.happened(shop.domain);
    await kit.settled();
    const answers = async (value: string) => {
      const session = await begin(shop.domain);
      const event = guess.event(value);
      const id = guess.id(shop.domain, value);
      const changed = { ...event, page: { url: "https://blue-mugs.example/else" } };
      const batches = [[event], [event], [changed], [event, changed, event], [changed, event]];
      const all: unknown[] = [];
      for (const visitor of ["", random()]) {
        for (const events of batches) {
          const body = {
            events: events.map((one) => way(one, id, session)),
            ...(visitor === "" ? {} : { visitor: { visitor_id: visitor } }),
            consent: YES,
          };
          all.push(shown(await proxy.send(shop.domain, body), id, visitor));
        }
      }
      return all;
    };
    const right = await answers(guess.right);
    expect(right).toEqual(await answers(guess.wrong));
    expect(JSON.stringify(right)).toContain(guess.refused ? "missing_event_id" : "accepted");
  });

  test("no answer tells within one batch either", async () => {
    const shop = await kit.shop();
    await guess.happened(shop.domain);
    await kit.settled();
    const answer = async (value: string) => {
      const session = await begin(shop.domain);
      const id = guess.id(shop.domain, value);
      const event = guess.event(value);
      const changed = { ...event, page: { url: "https://blue-mugs.example/else" } };
      const events = [event, changed, event].map((one) => signed(session, one, { eventId: id }));
      return shown(await proxy.send(shop.domain, { events: [...events, changed], consent: YES }), id);
    };
    const right = await answer(guess.right);
    expect(right).toEqual(await answer(guess.wrong));
    expect(right.body.results.map((one: { status: string }) => one.status))
      .toEqual(guess.refused ? Array(4).fill("refused") : ["accepted", "refused", "duplicate", "accepted"]);
  });
});

test("whether an event is known, or whose it is, no answer to a report of tags tells", async () => {
  const shop = await kit.shop();
  const theirs = random();
  await proxy.send(shop.domain, { events: [signed(await begin(shop.domain), viewed(theirs))], consent: YES });
  const session = await begin(shop.domain);
  const mine = random();
  await proxy.send(shop.domain, { events: [signed(session, viewed(mine))], consent: YES });
  const answers = [];
  for (const id of [theirs, mine, random()]) {
    const report = { name: "page_viewed", event_id: id, platforms: ["meta"], at: kit.now() };
    const fired = [signed(session, report, { eventId: id, name: "tag_fired" })];
    answers.push(shown(await proxy.send(shop.domain, { events: [], fired, consent: YES }), id));
  }
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[2]).toEqual(answers[0]);
});
