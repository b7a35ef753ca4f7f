import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import { connect as connectDatabase } from "@trakit/db/connection.ts";
import { type Alert, sendAlerts } from "@trakit/pipeline/upkeep/alerts.ts";
import { drain } from "@trakit/pipeline/dispatch/drain.ts";
import { pipelineDependencies } from "@trakit/pipeline/coalescing.ts";
import { renewDueGrants } from "@trakit/pipeline/merchant/renewals.ts";
import { open, renewalSubject, tokenSubject } from "@trakit/runtime/seal.ts";
import { Slots } from "@trakit/runtime/slots.ts";
import { dueGrants } from "@trakit/db/calls/due-grants.ts";
import { renewJob } from "@trakit/worker/jobs/renew.ts";
import { fromBrowser } from "../support/captured.ts";
import { browserOf } from "../support/connecting.ts";
import { merchantApi } from "../support/merchant-api.ts";
import { merchantKit } from "../support/merchant.ts";
import { KEYS } from "../support/pipeline.ts";

const kit = await merchantKit();
const api = merchantApi(kit);
const { connect } = browserOf(api);
const edge = connectDatabase({ url: kit.database.url("trakit_edge"), max: 2 });
const told: Alert[] = [];
const deps = pipelineDependencies({
  ...kit.world,
  db: edge,
  send: (request) => {
    if (!request.url.startsWith("http://operator.test")) return api.deps.send(request);
    told.push(JSON.parse(request.body));
    return Promise.resolve({ kind: "answer", status: 200, headers: {}, body: "ok", cut: false, ms: 1 });
  },
  random: () => 0.5,
  keys: KEYS,
  vendorHosts: kit.vendorHosts,
  slots: new Slots(16),
  alertUrl: "http://operator.test/hook",
});
afterAll(() => edge.close());
// what another test connected is not due in this one
beforeEach(() => kit.database.query("postgres", "delete from trakit.destination_grants"));

async function connected(platform: string): Promise<string> {
  const shop = await api.installed();
  await api.set(shop, platform, { settings: { id: DEMO_DESTINATIONS[platform]!.id } });
  expect(await connect(shop, platform)).toBe("connected");
  return shop;
}
/** What is stored, opened. */
async function secrets(shop: string, platform: string) {
  const id = String((await kit.row("shops", shop))!["id"]);
  const clear = (sealed: unknown, about: string[]) => {
    const opened = open(KEYS, String(sealed), about);
    return opened.ok ? new TextDecoder().decode(opened.bytes) : opened.reason;
  };
  return {
    access: clear((await kit.row("destination_secrets", shop))!["sealed"], tokenSubject(id, platform)),
    renewal: clear(
      (await kit.row("destination_grants", shop))!["sealed_renewal"],
      renewalSubject(id, platform),
    ),
  };
}
const pageView = (shop: string) =>
  kit.database.query("trakit_edge", "select trakit.ingest_events($1, $2, 0, 'proxy', '{}', $3)", [
    shop,
    JSON.stringify([
      fromBrowser("page_viewed", {
        occurred_at: new Date(kit.world.now()),
        page: { url: `https://${shop}/` },
        client: { ip: "192.0.2.1", user_agent: "Mozilla/5.0" },
      }),
    ]),
    kit.world.databaseNow!(),
  ]);
const send = () => drain(deps, { deadline: kit.world.now() + 10_000, lanesAtOnce: 2, batch: 100 });
const lane = async (shop: string) => (await kit.row("lanes", shop))!;
const grant = async (shop: string) => (await kit.row("destination_grants", shop))!;

describe("a granted token", () => {
  test("is renewed when two thirds of its life are over, and what was in use before is not used again", async () => {
    const shop = await connected("pinterest");
    const before = await secrets(shop, "pinterest");
    kit.pass(19 * 86_400);
    expect(await renewDueGrants(api.deps)).toEqual({ renewed: 0, refused: 0, failed: 0 });
    kit.pass(2 * 86_400);
    expect(await renewDueGrants(api.deps)).toEqual({ renewed: 1, refused: 0, failed: 0 });
    const after = await secrets(shop, "pinterest");
    expect(after.access).not.toBe(before.access);
    // Pinterest ends the refresh token that was used
    expect(after.renewal).not.toBe(before.renewal);
    expect(await renewDueGrants(api.deps)).toEqual({ renewed: 0, refused: 0, failed: 0 });
    for (let month = 0; month < 3; month++) {
      kit.pass(21 * 86_400);
      expect(await renewDueGrants(api.deps)).toMatchObject({ renewed: 1 });
    }
  });

  test("is renewed by the worker's job, which stops when it is asked to", async () => {
    await connected("pinterest");
    kit.pass(21 * 86_400);
    const job = renewJob(api.deps);
    const run = (over: boolean) => job.run({ deps, over: () => over } as never, {});
    await run(true);
    expect(kit.vendors.logins.calls).not.toContain("pinterest renew");
    await run(false);
    expect(kit.vendors.logins.calls).toContain("pinterest renew");
    expect(kit.lines.some((line) => line.includes('"event":"renewed"'))).toBe(true);
  });

  test("of an hour (Snapchat) is renewed within it by a refresh token that stays", async () => {
    const shop = await connected("snapchat");
    const before = await secrets(shop, "snapchat");
    kit.pass(41 * 60);
    expect(await renewDueGrants(api.deps)).toMatchObject({ renewed: 1 });
    const after = await secrets(shop, "snapchat");
    expect(after.access).not.toBe(before.access);
    expect(after.renewal).toBe(before.renewal);
  });

  test("of Meta is traded for the next while it is good; one that ended cannot be", async () => {
    const shop = await connected("meta");
    kit.pass(41 * 86_400);
    expect(await renewDueGrants(api.deps)).toMatchObject({ renewed: 1 });
    const { access, renewal } = await secrets(shop, "meta");
    expect(renewal).toBe(access);
    kit.pass(61 * 86_400);
    expect(await renewDueGrants(api.deps)).toMatchObject({ refused: 1 });
  });

  test("is renewed once, however many workers want to", async () => {
    await connected("pinterest");
    kit.pass(21 * 86_400);
    kit.vendors.logins.calls.length = 0;
    const runs = await Promise.all(Array.from({ length: 8 }, () => renewDueGrants(api.deps)));
    expect(runs.reduce((sum, run) => sum + run.renewed, 0)).toBe(1);
    expect(runs.reduce((sum, run) => sum + run.refused + run.failed, 0)).toBe(0);
    expect(kit.vendors.logins.calls).toEqual(["pinterest renew"]);
  });

  test("that a merchant replaces in the middle of a renewal is theirs: nothing is written over it", async () => {
    const shop = await connected("pinterest");
    kit.pass(21 * 86_400);
    const slow = (async (input: string, init: RequestInit) => {
      const answer = await fetch(input, init);
      await kit.database.query(
        "trakit_edge",
        "select trakit.set_destination($1, 'pinterest', 'marketing', 604800000, '{}', $2, 'hand')",
        [shop, (await kit.row("destination_secrets", shop))!["sealed"]],
      );
      return answer;
    }) as typeof fetch;
    expect(await renewDueGrants({ ...api.deps, fetch: slow })).toEqual({ renewed: 0, refused: 0, failed: 0 });
    expect(await kit.row("destination_secrets", shop)).toMatchObject({ last_four: "hand" });
    expect(await grant(shop)).toBeUndefined();
  });

  test("whose renewer died is renewed by the next when the lease is over", async () => {
    const shop = await connected("snapchat");
    kit.pass(41 * 60);
    const dying = { ...api.deps.db, rows: api.deps.db.rows };
    dying.rows =
      ((text: string, values: unknown[]) =>
        text.includes("grant_renewed")
          ? Promise.reject(new Error("killed"))
          : api.deps.db.rows(text, values)) as never;
    expect(await renewDueGrants({ ...api.deps, db: dying })).toMatchObject({ failed: 1 });
    expect(await renewDueGrants(api.deps)).toEqual({ renewed: 0, refused: 0, failed: 0 });
    kit.pass(31);
    expect(await renewDueGrants(api.deps)).toMatchObject({ renewed: 1 });
    expect((await grant(shop))["lease"]).toBeNull();
  });
});

describe("a renewal that fails", () => {
  test("for the platform's sake, or our client's, stays due: the grant is not to blame", async () => {
    const shop = await connected("snapchat");
    kit.pass(41 * 60);
    kit.vendors.logins.down = 503;
    expect(await renewDueGrants(api.deps)).toEqual({ renewed: 0, refused: 0, failed: 1 });
    kit.vendors.logins.down = null;
    const wrong = { snapchat: { id: "trakit-local-snapchat", secret: "another" } };
    expect(await renewDueGrants({ ...api.deps, oauthClients: wrong })).toMatchObject({ failed: 1 });
    expect(await renewDueGrants({ ...api.deps, oauthClients: {} })).toMatchObject({ failed: 1 });
    // sealed with a key that is not in the ring now
    const others = { ...api.deps, keys: [{ id: "other", key: new Uint8Array(32).fill(9) }] };
    expect(await renewDueGrants(others)).toMatchObject({ failed: 1 });
    expect(await grant(shop)).toMatchObject({ trouble: null });
    expect(await renewDueGrants(api.deps)).toMatchObject({ renewed: 1 });
  });

  test.each<[string, Record<string, never> | undefined]>([
    ["the platform is down", undefined],
    ["we have no client there any more", {}],
  ])("goes behind those not tried yet: %s", async (_, oauthClients) => {
    const shops = [await connected("snapchat"), await connected("snapchat")];
    kit.pass(41 * 60);
    const next = async () => {
      const due = await dueGrants(kit.world.db, 100, kit.world.databaseNow!());
      return due.map((one) => one.domain).find((one) => shops.includes(one));
    };
    const first = await next();
    kit.vendors.logins.down = 503;
    let tries = 0;
    // time for one of them
    await renewDueGrants({ ...api.deps, ...(oauthClients ? { oauthClients } : {}) }, () => tries++ > 0);
    expect(await next()).toBe(shops.find((one) => one !== first));
  });

  test("because the merchant took the grant back asks for them, and tells the operator once", async () => {
    const shop = await connected("snapchat");
    const bearer = kit.shopify().sessionToken(shop);
    told.length = 0;
    kit.pass(41 * 60);
    kit.vendors.logins.revoke("snapchat");
    expect(await renewDueGrants(api.deps)).toEqual({ renewed: 0, refused: 1, failed: 0 });
    // not asked again and again
    expect(await renewDueGrants(api.deps)).toEqual({ renewed: 0, refused: 0, failed: 0 });
    await sendAlerts(deps);
    await sendAlerts(deps);
    expect(told.filter((one) => one.shop === shop)).toMatchObject([{
      kind: "reconnect_needed",
      platform: "snapchat",
    }]);
    const { destinations } = (await api.call(shop, "GET /destinations", { bearer })).body;
    expect(destinations.find((one: { platform: string }) => one.platform === "snapchat")).toMatchObject({
      connection: { state: "reconnect" },
    });
    const { checks } = (await api.call(shop, "GET /setup", { bearer })).body;
    expect(checks.find((one: { check: string }) => one.check === "destinations")).toMatchObject({
      state: "warning",
      detail: expect.stringContaining("Connect again: Snapchat"),
    });
  });
});

describe("what waits in a held lane", () => {
  test("goes out when the merchant connects again", async () => {
    const shop = await connected("snapchat");
    kit.vendors.logins.revoke("snapchat");
    await pageView(shop);
    await send();
    expect(await lane(shop)).toMatchObject({ state: "held" });
    expect(await kit.row("deliveries", shop)).toMatchObject({ state: "pending" });
    kit.vendors.reset();
    expect(await connect(shop, "snapchat")).toBe("connected");
    expect(await lane(shop)).toMatchObject({ state: "closed", released_at: expect.any(Date) });
    await send();
    expect(await kit.row("deliveries", shop)).toMatchObject({ state: "delivered" });
  });

  test("goes out when the token is renewed late, after it ended", async () => {
    const shop = await connected("snapchat");
    kit.pass(61 * 60);
    await pageView(shop);
    await send();
    expect(await lane(shop)).toMatchObject({ state: "held" });
    expect(await renewDueGrants(api.deps)).toMatchObject({ renewed: 1 });
    expect(await lane(shop)).toMatchObject({ state: "closed" });
    await send();
    expect(await kit.row("deliveries", shop)).toMatchObject({ state: "delivered" });
  });

  test("an open lane is not disturbed by a renewal: its trouble is not the token's", async () => {
    const shop = await connected("snapchat");
    await kit.database.query(
      "postgres",
      `update trakit.lanes l set state = 'open', reason = 'server_error', probe_at = now(), probe_seconds = 10
       from trakit.shops s where s.id = l.shop_id and s.domain = $1`,
      [shop],
    );
    kit.pass(41 * 60);
    expect(await renewDueGrants(api.deps)).toMatchObject({ renewed: 1 });
    expect(await lane(shop)).toMatchObject({ state: "open" });
  });
});
