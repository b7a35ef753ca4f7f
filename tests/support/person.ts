import { createHash } from "node:crypto";
import { connect } from "@trakit/db/connection.ts";
import { redactDue } from "@trakit/pipeline/upkeep/privacy.ts";
import { createLogger } from "@trakit/runtime/log.ts";
import { quarantineSubject, seal } from "@trakit/runtime/seal.ts";
import type { KeyRing } from "@trakit/runtime/settings.ts";
import { at, DAY, fromBrowser, fromShopify } from "./captured.ts";
import type { TestDatabase } from "./database.ts";
import { dumpLines } from "./dump.ts";
import type { Shop } from "./shop.ts";

/** Seals what is quarantined here, and opens it again when a redaction looks into it. */
export const KEYS: KeyRing = [{ id: "k1", key: new Uint8Array(32).fill(7) }];

const hex = (text: string) => createHash("sha256").update(text).digest("hex");

/** A person by everything we may hold of one; every word of it is theirs alone. */
export function person(word: string, id: string) {
  return {
    id,
    email: `${word}@example.com`,
    phone: `+1718555${id.slice(-4)}`,
    emailDigest: hex(`${word}@example.com`),
    phoneDigest: hex(`+1718555${id.slice(-4)}`),
    order: `${id}77`,
    words: [
      id,
      word,
      hex(`${word}@example.com`),
      hex(`+1718555${id.slice(-4)}`),
    ],
  };
}
export type Person = ReturnType<typeof person>;

export function known(who: Person, word: string) {
  return {
    event_id: `${word}-purchase`,
    identifiers: { visitor_id: `${word}-visitor`, client_id: `${word}-client`, fbp: `fb.1.${word}` },
    digests: { "email.lower": [who.emailDigest], "phone.e164": [who.phoneDigest] },
    commerce: {
      checkout_token: `${word}-checkout`,
      cart_token: `${word}-cart`,
      order_id: who.order,
      total: "5",
    },
    page: { url: `https://shop.example/${word}` },
    client: { ip: `${word}-ip`, user_agent: word },
  };
}

/** Persons in one database: they live in a shop, something is asked about them, and a dump is searched for them. */
export function persons(db: TestDatabase) {
  /** Lines of a full dump that hold one of the words. */
  async function linesWith(words: string[]): Promise<string[]> {
    return (await dumpLines(db)).filter((line) => words.some((word) => line.includes(word)));
  }

  /** A browser's visits before anybody knew who it was, then a purchase logged in, a customer record and a request. */
  async function live(shop: Shop, who: Person, word: string): Promise<void> {
    const { identifiers, page, client } = known(who, word);
    await shop.ingest([fromBrowser("page_viewed", { identifiers, page, client })], { now: at(-2 * DAY) });
    await shop.ingest([
      fromBrowser("checkout_completed", {
        ...known(who, word),
        identifiers: { ...identifiers, customer_id: who.id },
      }),
    ], { now: at(-DAY) });
    await db.query(
      "postgres",
      "insert into trakit.cart_adds values ($1, $2, $3, 'browser', $3, 1, $4)",
      [shop.id, `${word}-cart`, word, at(3)],
    );
    await db.query("trakit_edge", "select trakit.ingest_browser_events($1, '[]', 0, '{}', $2, '[]', $3)", [
      shop.domain,
      JSON.stringify({ prefix: word, origin: null, events: 1, consent: null }),
      at(3),
    ]);
    await shop.ingest([
      fromShopify("checkout_completed", { ...known(who, word), identifiers: { customer_id: who.id } }),
    ], { now: at(-DAY + 60) });
    await shop.ingest([
      fromShopify("order_refunded", { commerce: { order_id: who.order, total: "1" } }),
    ], { now: at(0), slots: 1 });
    await db.query(
      "postgres",
      `insert into trakit.carts (shop_id, token, lines, changed_at, expires_at) values ($1, $2, '{}', $3, $3)`,
      [shop.id, `${word}-cart`, at(0)],
    );
    await db.query("trakit_edge", "select trakit.learn_customer($1, $2, $3)", [
      shop.domain,
      JSON.stringify({ customer_id: who.id, digests: known(who, word).digests }),
      at(0),
    ]);
    await db.query("trakit_edge", "select trakit.request_privacy($1, 'export', $2, $3, $4, $4)", [
      shop.domain,
      `request-${shop.domain}-${who.order.slice(-2)}`,
      JSON.stringify({ customers: [who.id], emails: [], phones: [], orders: [] }),
      at(0),
    ]);
    await db.query(
      "trakit_edge",
      "select trakit.quarantine_webhook($1, 'orders/create', $2, 'malformed_json', '{}', $3, $4)",
      [
        shop.domain,
        `quarantined-${word}`,
        seal(
          KEYS,
          `{"id": ${who.order}, "email": "${who.email}", "note": `,
          quarantineSubject(shop.domain, `quarantined-${word}`),
        ),
        at(0),
      ],
    );
  }

  /** Shopify (or the operator) asks for an export or a redaction. */
  async function request(shop: Shop, kind: string, reference: string, subject: object | null, when = at(10)) {
    const [row] = await db.query<{ r: { status: string; id: string; shop_id: string } }>(
      "trakit_edge",
      "select trakit.request_privacy($1, $2, $3, $4, $5, $5) as r",
      [shop.domain, kind, reference, subject && JSON.stringify(subject), when],
    );
    return row!.r;
  }

  /** Works off the requests that are due. */
  async function work(now: Date): Promise<number> {
    const edge = connect({ url: db.url("trakit_edge"), max: 1 });
    try {
      return await redactDue(
        { db: edge, log: createLogger(() => {}, () => 0), now: () => 0, keys: KEYS, databaseNow: () => now },
        Infinity,
      );
    } finally {
      await edge.close();
    }
  }

  return { linesWith, live, request, work };
}
