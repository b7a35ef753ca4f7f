import { describe, expect, test } from "vitest";
import type { Database } from "@trakit/db/connection.ts";
import { drain } from "@trakit/pipeline/dispatch/drain.ts";
import { pipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { SEND_TIMEOUT_MS } from "@trakit/pipeline/ports.ts";
import { byFetch, createSend } from "@trakit/runtime/send.ts";
import { Slots } from "@trakit/runtime/slots.ts";
import { fromShopify } from "../support/captured.ts";
import { merchantApi, META } from "../support/merchant-api.ts";
import { merchantKit } from "../support/merchant.ts";

const kit = await merchantKit();
const { call, deps: { send }, installed, set } = merchantApi(kit);

const NOBODYS = "999999999999999";

/** Meta says of a dataset that there is not: code 100, subcode 33 (docs/destinations/meta.md). */
const platforms: typeof fetch = async (input, init) =>
  String(input).includes(NOBODYS)
    ? Response.json({
      error: {
        message: "Unsupported post request.",
        type: "GraphMethodException",
        code: 100,
        error_subcode: 33,
      },
    }, { status: 400 })
    : await fetch(input, init);

/** One run of the drain, by the kit's clock. */
async function drained() {
  const { db, keys, log, now, databaseNow } = kit.world;
  return await drain(
    pipelineDependencies({
      ...{ db, keys, log, now, databaseNow: databaseNow! },
      send: createSend(byFetch(platforms), { timeoutMs: SEND_TIMEOUT_MS, now }),
      pause: () => Promise.resolve(),
      random: () => 0.5,
      vendorHosts: kit.vendorHosts,
      slots: new Slots(8),
    }),
    { deadline: now() + 60_000, lanesAtOnce: 2, batch: 50 },
  );
}

async function order(shop: string, id: string) {
  await kit.database.query("trakit_edge", "select trakit.ingest_events($1, $2, p_now => $3)", [
    shop,
    JSON.stringify([
      fromShopify("checkout_completed", {
        occurred_at: new Date(kit.world.now()),
        consent: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
        commerce: { order_id: id, total: "5", currency: "USD" },
        digests: { "email.lower": ["a".repeat(64)] },
      }),
    ]),
    kit.world.databaseNow!(),
  ]);
}

/** A merchant's API whose requests to platforms wait until `go` is called. */
function heldAtPlatform() {
  let go = () => {};
  const gate = new Promise<void>((resolve) => go = resolve);
  let arrived = () => {};
  const asked = new Promise<void>((resolve) => arrived = resolve);
  const api = merchantApi(kit, {
    send: async (request) => {
      arrived();
      await gate;
      return await send(request);
    },
  });
  return { ...api, asked, go: () => go() };
}

describe("a correction of a held destination", () => {
  test("by its id alone sends one order to ask, and then all that waited", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    await set(shop, "meta", { settings: { id: NOBODYS } });
    for (const id of ["1001", "1002", "1003"]) await order(shop, id);
    await drained();
    expect((await call(shop, "GET /destinations/meta")).body).toMatchObject({
      lane: "held",
      lane_reason: "account_not_found",
      settings: { id: NOBODYS },
    });
    kit.vendors.reset();

    expect((await set(shop, "meta", { settings: { id: META.id } })).body.destination.lane).toBe("open");
    expect((await drained()).outcomes).toEqual({ delivered: 3 });
    const requests = kit.vendors.requests();
    expect(requests.map((one) => one.events.length)).toEqual([1, 2]);
    expect((await call(shop, "GET /destinations/meta")).body.lane).toBe("closed");
  });
});

describe("two who change one destination", () => {
  test("keep what the other one changed while a token was shown to the platform", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    const slow = heldAtPlatform();
    const first = slow.set(shop, "meta", { token: META.token });
    await slow.asked;
    await set(shop, "meta", { events: ["checkout_completed"], settings: { value: "subtotal" } });
    slow.go();
    expect(await first).toMatchObject({ status: 200, body: { token_check: "accepted" } });
    expect((await call(shop, "GET /destinations/meta")).body).toMatchObject({
      version: 3,
      events: ["checkout_completed"],
      settings: { id: META.id, value: "subtotal" },
    });
  });

  test("are told apart by If-Match: the later one is refused and changes nothing", async () => {
    const shop = await installed();
    const made = await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    const tag = made.headers.get("etag")!;
    expect(tag).toBe('"1"');
    const put = (ifMatch: string, body: unknown) =>
      call(shop, "PUT /destinations/meta", { body, headers: { "if-match": ifMatch } });
    expect(await put(tag, { enabled: false })).toMatchObject({
      status: 200,
      body: { destination: { version: 2 } },
    });
    for (const old of [tag, 'W/"2"', '"nonsense"', ""]) {
      expect(await put(old, { enabled: true }), old).toMatchObject({
        status: 412,
        body: { code: "changed_meanwhile" },
      });
    }
    expect((await call(shop, "GET /destinations/meta")).body.enabled).toBe(false);
    for (const good of ["*", '"1", "2"']) {
      expect((await put(good, { enabled: true })).status, good).toBe(200);
      await kit.database.query("postgres", "update trakit.destinations set version = 2 where version > 2");
    }
    // what is not there yet matches nothing
    expect(
      (await call(shop, "PUT /destinations/tiktok", {
        body: { settings: { id: "X" } },
        headers: { "if-match": "*" },
      })).status,
    ).toBe(412);
  });

  test("are refused by If-Match also where the other one came while the token was shown", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    const slow = heldAtPlatform();
    const late = slow.call(shop, "PUT /destinations/meta", {
      body: { token: META.token, enabled: true },
      headers: { "if-match": '"1"' },
    });
    await slow.asked;
    await set(shop, "meta", { enabled: false });
    slow.go();
    expect((await late).status).toBe(412);
    expect((await call(shop, "GET /destinations/meta")).body).toMatchObject({ version: 2, enabled: false });
  });
});

describe("a change of settings", () => {
  test("of a destination or of the shop takes two round trips to the database", async () => {
    const shop = await installed();
    let trips = 0;
    const db: Database = {
      ...kit.world.db,
      rows: (...given: Parameters<Database["rows"]>) => {
        trips++;
        return kit.world.db.rows(...given);
      },
    } as Database;
    const counted = merchantApi(kit, { db });
    const change = async (route: string, body: unknown) => {
      trips = 0;
      expect((await counted.call(shop, route, { body })).status).toBe(200);
      return trips;
    };
    expect(await change("PUT /destinations/meta", { settings: { id: META.id }, token: META.token })).toBe(2);
    expect(await change("PUT /destinations/meta", { enabled: false })).toBe(2);
    expect(await change("PATCH /shop", { order_topic: "orders/paid" })).toBe(2);
  });
});
