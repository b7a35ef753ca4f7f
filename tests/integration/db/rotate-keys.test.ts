import { expect, test } from "vitest";
import { connect } from "@trakit/db/connection.ts";
import { listSeals } from "@trakit/db/calls/list-seals.ts";
import { resealShop } from "@trakit/pipeline/upkeep/rotate-keys.ts";
import { sealedPair, shopifySubject } from "@trakit/pipeline/shopify/shop-token.ts";
import { keepGrant } from "@trakit/db/calls/keep-grant.ts";
import { installShop } from "@trakit/db/calls/install-shop.ts";
import {
  open,
  quarantineSubject,
  renewalSubject,
  seal,
  settingSubject,
  tokenSubject,
} from "@trakit/runtime/seal.ts";
import { at } from "../../support/captured.ts";
import { testDatabase } from "../../support/database.ts";
import { newShop } from "../../support/shop.ts";

const db = await testDatabase();
const OLD = { id: "old", key: new Uint8Array(32).fill(1) };
const NEW = { id: "new", key: new Uint8Array(32).fill(2) };

test("everything sealed is sealed anew and opens with the new key alone; what was entered meanwhile stays", async () => {
  const shop = await newShop(db, { platforms: ["meta", "tiktok"] });
  const worker = connect({ url: db.url("trakit_worker"), max: 2 });
  try {
    await shop.set("meta", { token: seal([OLD], "meta token", tokenSubject(shop.id, "meta")) });
    await shop.set("tiktok", {
      token: seal([NEW, OLD], "entered meanwhile", tokenSubject(shop.id, "tiktok")),
    });
    await db.query(
      "trakit_edge",
      "select trakit.quarantine_webhook($1, 't', 'w', 'malformed_json', '{}', $2, $3)",
      [
        shop.domain,
        seal([OLD], "a body", quarantineSubject(shop.domain, "w")),
        at(0),
      ],
    );
    const tokens = {
      access: "shpat",
      accessExpiresAt: at(3_600).toISOString(),
      refresh: "shprt",
      refreshExpiresAt: at(9_000).toISOString(),
      scopes: [],
    };
    await installShop(worker, shop.domain, sealedPair([OLD], shop.domain, tokens), [], at(0));

    await keepGrant(worker, shop.domain, "meta", {
      sealed: seal([OLD], "meta token", tokenSubject(shop.id, "meta")),
      lastFour: "oken",
      accessExpiresAt: at(3_600).toISOString(),
      sealedRenewal: seal([OLD], "what renews it", renewalSubject(shop.id, "meta")),
      renewalExpiresAt: null,
      renewAt: at(2_400).toISOString(),
    }, at(0));

    const secretOf = settingSubject(shop.id, "meta", "appsecret_proof");
    await db.query(
      "postgres",
      `insert into trakit.sealed_settings (destination_id, shop_id, name, sealed)
       select d.id, d.shop_id, 'appsecret_proof', $2 from trakit.destinations d where d.shop_id = $1 and d.platform = 'meta'`,
      [shop.id, seal([OLD], "the proof", secretOf)],
    );

    expect(await resealShop(worker, [NEW, OLD], shop)).toEqual({ resealed: 6, unreadable: 0 });
    expect(await resealShop(worker, [NEW, OLD], shop)).toEqual({ resealed: 0, unreadable: 0 });
    const sealed = async (sql: string) =>
      (await db.query<{ s: string }>("postgres", sql, [shop.id])).map((row) => row.s);
    const clear = (envelope: string, about: string[]) => {
      const opened = open([NEW], envelope, about);
      return opened.ok ? new TextDecoder().decode(opened.bytes) : opened.reason;
    };
    const [meta, tiktok] = await sealed(
      `select s.sealed as s from trakit.destination_secrets s join trakit.destinations d on d.id = s.destination_id
       where s.shop_id = $1 order by d.platform`,
    );
    expect(clear(meta!, tokenSubject(shop.id, "meta"))).toBe("meta token");
    expect(clear(tiktok!, tokenSubject(shop.id, "tiktok"))).toBe("entered meanwhile");
    const [secret] = await sealed("select sealed as s from trakit.sealed_settings where shop_id = $1");
    expect(clear(secret!, secretOf)).toBe("the proof");
    const [body] = await sealed("select sealed_body as s from trakit.quarantine where shop_id = $1");
    expect(clear(body!, quarantineSubject(shop.domain, "w"))).toBe("a body");
    const [renewal] = await sealed(
      "select sealed_renewal as s from trakit.destination_grants where shop_id = $1",
    );
    expect(clear(renewal!, renewalSubject(shop.id, "meta"))).toBe("what renews it");
    const [refresh] = await sealed("select sealed_refresh as s from trakit.installations where shop_id = $1");
    expect(clear(refresh!, shopifySubject(shop.domain, "refresh"))).toBe("shprt");
  } finally {
    await worker.close();
  }
});

test("what no key opens is counted and left alone", async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  const worker = connect({ url: db.url("trakit_worker"), max: 1 });
  try {
    const before = await db.query(
      "postgres",
      "select sealed from trakit.destination_secrets where shop_id = $1",
      [shop.id],
    );
    expect(await resealShop(worker, [NEW], shop)).toEqual({ resealed: 0, unreadable: 1 });
    expect(
      await db.query("postgres", "select sealed from trakit.destination_secrets where shop_id = $1", [
        shop.id,
      ]),
    ).toEqual(
      before,
    );
  } finally {
    await worker.close();
  }
});

test("however many cannot be opened, the rest is sealed anew", async () => {
  const shop = await newShop(db, { platforms: ["meta"] });
  const worker = connect({ url: db.url("trakit_worker"), max: 1 });
  try {
    const lost = { id: "lost", key: new Uint8Array(32).fill(3) };
    for (let i = 0; i < 25; i++) {
      const ring = i % 5 === 4 ? OLD : lost;
      const body = seal([ring], `body ${i}`, quarantineSubject(shop.domain, `w${i}`));
      await db.query(
        "trakit_edge",
        "select trakit.quarantine_webhook($1, 't', $2, 'malformed_json', '{}', $3, $4)",
        [shop.domain, `w${i}`, body, at(0)],
      );
    }
    await shop.set("meta", { token: seal([OLD], "meta token", tokenSubject(shop.id, "meta")) });
    // whatever waits, a page is a page
    expect(await listSeals(worker, shop.domain, NEW.id, null, 10)).toHaveLength(10);
    expect(await resealShop(worker, [NEW, OLD], shop, 10)).toEqual({ resealed: 6, unreadable: 20 });
    expect(await resealShop(worker, [NEW, OLD], shop, 10)).toEqual({ resealed: 0, unreadable: 20 });
  } finally {
    await worker.close();
  }
});
