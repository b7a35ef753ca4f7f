import { beforeAll, describe, expect, test } from "vitest";
import { type Role, testDatabase } from "../../support/database.ts";
import { at, fromBrowser, fromShopify } from "../../support/captured.ts";
import { sealedToken } from "../../support/shop.ts";
import {
  cartOf,
  expectNothingOf,
  MARKED_NUMBERS,
  MARKER,
  type TwoShops,
  twoShops,
} from "../../support/two-shops.ts";

/**
 * Promise 3, nobody else's: whoever acts for shop A, by whatever door, gets no row, token, count or number of shop B and
 * changes none of it. Doors are read from the catalogue; one nobody thought of fails until it is said how to knock.
 */
const db = await testDatabase();
let shops: TwoShops;
beforeAll(async () => {
  shops = await twoShops(db);
});

interface FunctionRow {
  name: string;
  signature: string;
  args: string[];
}

function functionsOf(role: Role): Promise<FunctionRow[]> {
  return db.query<FunctionRow>(
    "postgres",
    `select p.pronamespace::regnamespace || '.' || p.proname as name, p.oid::regprocedure::text as signature,
       coalesce(p.proargnames[1:p.pronargs], '{}') as args
     from pg_proc p
     where p.pronamespace in ('trakit'::regnamespace, 'api'::regnamespace) and has_function_privilege($1, p.oid, 'execute')
     order by 2`,
    [role],
  );
}

/** Arguments by name, for a caller who acts for shop A. A new name must be said here. */
function argument(name: string): unknown {
  const { mine } = shops;
  const values: Record<string, unknown> = {
    p_shop: mine.domain,
    p_domain: mine.domain,
    p_shop_id: mine.id,
    p_destination_id: mine.lanes["meta"],
    p_events: JSON.stringify([fromBrowser("page_viewed", { identifiers: { visitor_id: "mine-visitor" } })]),
    p_slots: 5,
    p_place: "proxy",
    p_sender: JSON.stringify({ prefix: "mine", origin: null, events: 1, consent: { marketing: true } }),
    p_cart: JSON.stringify(cartOf("mine")),
    p_fired: JSON.stringify([
      { name: "page_viewed", event_id: `${MARKER}-event`, platforms: ["meta"], at: at(0).toISOString() },
    ]),
    p_visit: JSON.stringify({
      keys: { visitor: `${MARKER}-visitor`, client: `${MARKER}-client`, customer: `${MARKER}-customer` },
      host: "mine.example",
      refused: {},
    }),
    p_counts: JSON.stringify({ attack: 1 }),
    p_refused: JSON.stringify({ forged: 1 }),
    p_outcomes: "[]",
    p_limit: 1_000,
    p_lease_seconds: 30,
    p_now: at(120),
    p_since: at(-3_600),
    p_until: at(3_600),
    p_days_ahead: 3,
    p_days: 7,
    p_topic: "orders/create",
    p_webhook_id: "attack",
    p_reason: "unreadable_payload",
    p_issues: [],
    p_sealed_body: sealedToken(),
    p_flush_before: at(-3_600),
    // shop B's events, by their keys
    p_moments: Array.from({ length: 30 }, () => at(0)),
    p_event_rows: Array.from({ length: 30 }, (_, index) => Number(`${MARKED_NUMBERS}001`) + index),
    p_country: "US",
    p_host: "mine.example",
    p_settings: "{}",
    p_change: "{}",
    p_secrets: "{}",
    p_version: null,
    p_after: "2031-01-01 00:00:00+00/0",
    // quarantined webhooks of a redaction: ids of another shop's
    p_theirs: [1, 2, 3],
    p_seen: 1,
    p_after_place: "",
    p_after_id: "",
    p_platform: "meta",
    p_purpose: "marketing",
    p_max_age_ms: 604_800_000,
    p_enabled: true,
    p_test_code: null,
    p_sealed: null,
    p_last_four: null,
    p_id: 1,
    p_read: false,
    p_watermark: null,
    p_trouble: null,
    p_newest: "k9",
    p_replays: 20,
    p_old: sealedToken(MARKER),
    p_order: `${MARKER}-order`,
    p_scopes: ["read_orders"],
    p_lease: shops.theirs.id,
    p_outcome: "refused",
    p_sealed_access: sealedToken(),
    p_access_expires_at: at(3_600),
    p_sealed_refresh: sealedToken(),
    p_refresh_expires_at: at(86_400 * 90),
    p_pixel_id: "gid://shopify/WebPixel/1",
    p_pixel_settings: JSON.stringify({ endpoint: "x", key: "y" }),
    p_pixel_trouble: null,
    p_customer: JSON.stringify({ customer_id: "4242", digests: { "email.lower": ["attack"] } }),
    p_at: at(-172_800),
    p_kind: "redact_customer",
    p_reference: "attack",
    p_subject: JSON.stringify({ customers: ["4242"], emails: [`${MARKER}-email`], phones: [], orders: [] }),
    p_request_id: shops.request,
    p_customer_id: "4242",
    p_email: `${MARKER}-email`,
    p_phone: "1",
    p_orders: [`${MARKER}-order`],
    p_unreadable: "[]",
    // a shop is redacted only by who repeats its name
    p_confirm: "another.myshopify.com",
    // given_up_at: arithmetic on its arguments
    p_captured_at: at(0),
    p_retry_until: at(0),
    p_waits_for: null,
    p_max_age: "1 day",
    p_lane_state: "closed",
    p_released_at: null,
    p_worker_id: "00000000-0000-4000-8000-000000000001",
    p_queue: "drain",
    p_jobs: "[]",
    p_gap_ms: 0,
    p_told: "[]",
    p_state_digest: MARKER.repeat(64).slice(0, 64).replace(/[^0-9a-f]/g, "0"),
    p_customers: JSON.stringify([{
      customer_id: "4242",
      asked_at: at(0),
      orders: 9,
      spent: "9",
      as_of: at(0),
    }]),
    p_paused_until: null,
    p_challenge: "A".repeat(43),
    p_expires_at: at(600),
    p_sealed_renewal: sealedToken(),
    p_renewal_expires_at: at(86_400 * 60),
    p_renew_at: at(1_800),
    p_replay_id: 1,
    p_steps: 1,
    shop: mine.domain,
    since: at(-3_600),
    until: at(3_600),
    platform: "meta",
    states: ["failed"],
    force: true,
    dry_run: false,
  };
  if (!(name in values)) {
    throw new Error(
      `${name} is a new argument: say in isolation.test.ts what a caller acting for shop A gives for it.`,
    );
  }
  return values[name];
}

/** Arguments whose meaning depends on the function. */
const OWN_MEANING: Record<string, unknown> = {
  "trakit.compare_orders p_orders": "[]",
  "trakit.check_in p_kind": "worker",
  "trakit.keep_grant p_sealed": sealedToken(),
  "trakit.keep_grant p_last_four": "mine",
  "trakit.step_replay p_events": 1_000,
};

function call(row: FunctionRow): { sql: string; values: unknown[] } {
  const values: unknown[] = [];
  const named = row.args.map((name) => {
    const own = `${row.name} ${name}`;
    const value = own in OWN_MEANING ? OWN_MEANING[own] : argument(name);
    values.push(value);
    return `${name} => $${values.length}`;
  });
  return { sql: `select to_jsonb(x) as x from ${row.name}(${named.join(", ")}) x`, values };
}

/** What these may show of shop B: their work crosses shops, and is ids, states and times (docs/security.md). */
function allowed(door: string): string[] {
  if (door === "trakit.pending_alerts") return Object.values(shops.theirs.lanes);
  if (door === "trakit.grant_alerts") return Object.values(shops.theirs.lanes);
  if (["trakit.due_grants", "trakit.due_lookups", "trakit.due_readings"].includes(door)) {
    return [shops.theirs.id, shops.theirs.domain];
  }
  if (door === "trakit.due_lanes") return [shops.theirs.id, ...Object.values(shops.theirs.lanes)];
  if (door === "trakit.list_shops") return [shops.theirs.id, shops.theirs.domain];
  return [];
}

function withoutAllowed(answer: unknown, door: string): string {
  return allowed(door).reduce((text, word) => text.replaceAll(word, ""), JSON.stringify(answer) ?? "");
}

describe.each(["trakit_edge", "trakit_worker", "authenticated", "anon"] as const)(
  "functions %s may call",
  (role) => {
    test(
      "show shop A nothing of shop B, whatever context was set before, and change none of it",
      async () => {
        const before = await shops.fingerprint();
        const functions = await functionsOf(role);
        if (role === "trakit_edge") expect(functions.length).toBeGreaterThanOrEqual(10);
        const { mine, theirs } = shops;
        const preludes: [string, unknown[]][] = [
          ["select 1", []],
          // a context left behind, or put there by whoever holds the password
          ["select set_config('trakit.shop_id', $1, true), set_config('trakit.shop_domain', $2, true)", [
            theirs.id,
            theirs.domain,
          ]],
          ["select set_config('trakit.shop_id', $1, false), set_config('trakit.shop_domain', $2, false)", [
            theirs.id,
            theirs.domain,
          ]],
          [
            "select set_config('row_security', 'on', true), set_config('search_path', 'pg_temp, trakit', true)",
            [],
          ],
          ["select set_config('request.jwt.claims', $1, true)", [JSON.stringify({ shop_id: mine.id })]],
        ];
        if (role.startsWith("trakit_")) {
          // a call that rightly worked for shop B, earlier in the same transaction
          preludes.push(["select length(trakit.ingest_events($1, '[]', 0, 'proxy', '{}', $2)::text) as n", [
            theirs.domain,
            at(0),
          ]]);
        }
        const answered = new Set<string>();
        const connection = await db.connect(role);
        for (const row of functions) {
          for (const [prelude, values] of preludes) {
            // as good as a new connection, in a tenth of the time
            await connection.query("rollback");
            await connection.query("discard all");
            if (!role.startsWith("trakit_")) await connection.query(`set role ${role}`);
            try {
              await connection.query("begin");
              await connection.query(prelude, values);
              const { sql, values: given } = call(row);
              const answer = await connection.query(sql, given);
              answered.add(row.name);
              expectNothingOf(
                shops.secrets,
                withoutAllowed(answer, row.name),
                `${row.name} after ${prelude}`,
              );
              await connection.query("commit");
            } catch (error) {
              // refused is fine; a refusal that tells is not
              if ((error as { code?: string }).code === undefined) throw error;
              const { message, detail, hint, where } = error as {
                message: string;
                detail?: string;
                hint?: string;
                where?: string;
              };
              expectNothingOf(
                shops.secrets,
                { message, detail, hint, where },
                `${row.name} after ${prelude}, refusing`,
              );
            }
          }
        }
        expect([...answered].sort(), "a function that only ever refused proved nothing").toEqual(
          [...new Set(functions.map((row) => row.name))].sort(),
        );
        expect(await shops.fingerprint()).toBe(before);
      },
    );
  },
);

describe("who knows shop B's keys and acts for shop A", () => {
  const person = {
    event_id: `${MARKER}-event`,
    identifiers: {
      visitor_id: `${MARKER}-visitor`,
      client_id: `${MARKER}-client`,
      customer_id: `${MARKER}-customer`,
    },
    digests: { "email.lower": [`${MARKER}-email`], "phone.e164": [`${MARKER}-phone`] },
    commerce: {
      checkout_token: `${MARKER}-checkout`,
      cart_token: `${MARKER}-cart`,
      order_id: `${MARKER}-order`,
    },
  };

  test("gets no visitor, cookie, digest or event of it", async () => {
    const before = await shops.fingerprint();
    const connection = await db.connect("trakit_edge");
    await connection.query("begin");
    for (const copy of [fromBrowser("page_viewed", person), fromShopify("checkout_completed", person)]) {
      const answer = await shops.mine.ingest([copy], { slots: 5, now: at(200), on: connection });
      expect(answer.results[0]!.status).toBe("accepted");
      expectNothingOf(
        [`fb.1.${MARKER}`, MARKED_NUMBERS, shops.theirs.id],
        answer,
        "ingest_events with shop B's keys",
      );
    }
    // the marker it brought along is not to stay with shop A
    await connection.query("rollback");
    await connection.end();
    expect(await shops.fingerprint()).toBe(before);
  });

  test("settles none of its deliveries and moves none of its lanes", async () => {
    const before = await shops.fingerprint();
    const leased = (await shops.theirs.deliveries()).filter((row) => row.lease !== null);
    expect(leased.length).toBeGreaterThan(0);
    for (const kind of ["delivered", "retry", "permanent", "auth", "in_doubt", "skipped", "released"]) {
      const leases = leased.map((row) => ({
        captured_at: (row.captured_at as unknown as Date).toISOString(),
        event_row: Number(row.event_row),
        destination_id: row.destination_id,
        platform: row.platform,
        lease: row.lease!,
        limited: row.limited,
      }));
      expect(await shops.mine.settle(leases, { kind, lane: true, delay_ms: 1 }, at(10))).toEqual({
        settled: 0,
        late: leases.length,
      });
    }
    expect(await shops.fingerprint()).toBe(before);
  });

  test("runs none of its quarantined webhooks again", async () => {
    const before = await shops.fingerprint();
    const rows = await db.query<{ id: string }>(
      "postgres",
      "select id from trakit.quarantine where shop_id = $1",
      [shops.theirs.id],
    );
    for (const read of [true, false]) {
      for (const { id } of rows) {
        expect(
          await db.query("trakit_worker", "select trakit.settle_quarantine($1, $2, $3) as done", [
            shops.mine.domain,
            id,
            read,
          ]),
        ).toEqual([{ done: false }]);
      }
    }
    expect(await shops.fingerprint()).toBe(before);
  });
});

describe("who logs in as trakit_edge or trakit_worker", () => {
  test.each(["trakit_edge", "trakit_worker"] as const)("%s becomes no other role", async (role) => {
    const others = [
      "postgres",
      "trakit_app",
      "trakit_dispatcher",
      "authenticated",
      ...(role === "trakit_edge" ? ["trakit_worker"] : []),
    ];
    for (const other of others) {
      await expect(db.query(role, `set role ${other}`), other).rejects.toMatchObject({ code: "42501" });
    }
  });

  test("types of its own with the names of built-in ones run none of its code as a function's owner", async () => {
    const connection = await db.connect("trakit_worker");
    await connection.query(
      `create function pg_temp.spy() returns pg_catalog.bool language plpgsql as $$
       begin
         if current_user <> session_user then raise exception 'ran as %', current_user using errcode = 'XX999'; end if;
         return true;
       end $$`,
    );
    const types = [
      "bool",
      "text",
      "int4",
      "int8",
      "uuid",
      "date",
      "jsonb",
      "timestamptz",
      "interval",
      "numeric",
    ];
    for (const type of types) {
      await connection.query(`create domain pg_temp.${type} as pg_catalog.${type} check (pg_temp.spy())`);
    }
    for (const row of await functionsOf("trakit_worker")) {
      const { sql, values } = call(row);
      try {
        await connection.query(sql, values);
      } catch (error) {
        expect((error as { code?: string }).code, `${row.name}: ${(error as Error).message}`).not.toBe(
          "XX999",
        );
      }
    }
    await connection.end();
  });
});
