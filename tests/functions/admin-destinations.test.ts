import { describe, expect, test } from "vitest";
import { DEMO_DESTINATIONS } from "@trakit/cli/stack/demo.ts";
import { merchantApi, META } from "../support/merchant-api.ts";
import { merchantKit } from "../support/merchant.ts";
import { expectUnlogged } from "../support/pipeline.ts";

const kit = await merchantKit();
const { call, installed, set } = merchantApi(kit);

describe("destinations", () => {
  test("are set up with a token the platform was shown; it is stored sealed and never given back", async () => {
    const shop = await installed();
    const answer = await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        token_check: "accepted",
        destination: {
          platform: "meta",
          configured: true,
          token: "stored",
          last_four: META.token.slice(-4),
          lane: "closed",
        },
      },
    });
    const everything = [
      answer.text,
      (await call(shop, "GET /destinations")).text,
      (await call(shop, "GET /health")).text,
    ];
    expect(everything.join()).not.toContain(META.token);
    expectUnlogged(kit.lines, [META.token, shop]);
    expect((await kit.row("destination_secrets", shop))!.sealed).not.toContain(META.token);
    expect(kit.vendors.requests().flatMap((request) => request.events)).toEqual([]);
  });

  test("refuse a token the platform refuses, and what its schema refuses, and keep what was there", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    const before = await kit.row("destination_secrets", shop);
    const fault = (body: unknown) =>
      fetch(`${kit.vendors.url}/_faults/meta`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    await fault({ kind: "bad_token" });
    expect(await set(shop, "meta", { token: `${META.token.slice(0, -6)}WRONG1` })).toMatchObject({
      status: 422,
      body: { code: "token_refused" },
    });
    await fault(null);
    expect(await set(shop, "meta", { settings: { id: "not digits" } })).toMatchObject({
      status: 422,
      body: { code: "invalid_settings" },
    });
    expect(await kit.row("destination_secrets", shop)).toEqual(before);
  });

  describe("a secret among the settings", () => {
    const PROOF = "5ec7e7aa".repeat(8);
    const CORRECTED = "c0441ec7".repeat(8);
    const sealedRows = (shop: string) =>
      kit.database.query<{ name: string; sealed: string }>(
        "postgres",
        `select x.name, x.sealed from trakit.sealed_settings x join trakit.shops s on s.id = x.shop_id where s.domain = $1`,
        [shop],
      );
    const hold = (shop: string) =>
      kit.database.query(
        "postgres",
        `update trakit.lanes l set state = 'held', reason = 'bad_token', probe_at = null, probe_seconds = null
         from trakit.shops s where s.id = l.shop_id and s.domain = $1`,
        [shop],
      );

    test("is stored sealed, shown to the platform with the token, and given back to nobody", async () => {
      const shop = await installed();
      const answer = await set(shop, "meta", {
        settings: { id: META.id, appsecret_proof: PROOF },
        token: META.token,
      });
      expect(answer).toMatchObject({
        status: 200,
        body: {
          token_check: "accepted",
          destination: { secrets: ["appsecret_proof"], settings: { id: META.id } },
        },
      });
      const asked = kit.vendors.requests().map((request) => JSON.stringify(request.body));
      // the sandbox masks it, and says by that that it was there
      expect(asked).toEqual([expect.stringContaining('"appsecret_proof":"***"')]);
      const everything = [
        answer.text,
        (await call(shop, "GET /destinations")).text,
        (await call(shop, "GET /destinations/meta")).text,
        (await call(shop, "GET /health")).text,
        ...kit.lines,
        JSON.stringify(await kit.row("destinations", shop)),
        JSON.stringify(await sealedRows(shop)),
      ];
      expect(everything.join().toLowerCase()).not.toContain(PROOF);
      expect(await sealedRows(shop)).toEqual([
        { name: "appsecret_proof", sealed: expect.stringMatching(/^v1\./) },
      ]);
      expect(await set(shop, "meta", { settings: { appsecret_proof: "not one" } })).toMatchObject({
        status: 422,
        body: { code: "invalid_settings", issues: [expect.stringContaining("64 hexadecimal digits")] },
      });
    });

    test("that alone is corrected ends a held lane; before the token it is kept for it; null takes it away", async () => {
      const shop = await installed();
      await set(shop, "meta", { settings: { id: META.id, appsecret_proof: PROOF } });
      expect(await set(shop, "meta", { token: META.token })).toMatchObject({
        body: { destination: { secrets: ["appsecret_proof"], lane: "closed" } },
      });
      const [before] = await sealedRows(shop);
      await hold(shop);
      const corrected = await set(shop, "meta", { settings: { appsecret_proof: CORRECTED } });
      expect(corrected).toMatchObject({
        status: 200,
        body: {
          token_check: "accepted",
          destination: { last_four: META.token.slice(-4), secrets: ["appsecret_proof"] },
        },
      });
      expect(corrected.body.destination.lane).not.toBe("held");
      expect((await sealedRows(shop))[0]!.sealed).not.toBe(before!.sealed);

      expect(await set(shop, "meta", { settings: { appsecret_proof: null } })).toMatchObject({
        status: 200,
        body: { destination: { secrets: [], token: "stored" } },
      });
      expect(await sealedRows(shop)).toEqual([]);
    });
  });

  test("are there under their own names only: any other text in the address is 404, and the database is not asked", async () => {
    const shop = await installed();
    for (const name of ["x%00", "%ED%A0%80", "meta%00", "..", "constructor", "META"]) {
      for (
        const route of [
          `GET /destinations/${name}`,
          `PUT /destinations/${name}`,
          `POST /destinations/${name}/test`,
        ]
      ) {
        const body = route.startsWith("PUT") ? { enabled: true } : { event: "page_viewed" };
        const answer = await call(shop, route, route.startsWith("GET") ? {} : { body });
        expect([route, answer.status]).toEqual([route, 404]);
      }
    }
  });

  test("of Google say that its secret cannot be checked", async () => {
    const google = DEMO_DESTINATIONS["google"]!;
    expect(await set(await installed(), "google", { settings: { id: google.id }, token: google.token }))
      .toMatchObject({
        status: 200,
        body: { token_check: "cannot_be_checked" },
      });
  });

  test("change only in what is named, and take no key they do not know", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    expect(await set(shop, "meta", { enabled: false, events: ["checkout_completed"], test_code: "TEST1" }))
      .toMatchObject({
        status: 200,
        body: {
          token_check: "unchanged",
          destination: {
            enabled: false,
            events: ["checkout_completed"],
            test_code: "TEST1",
            settings: { id: META.id },
          },
        },
      });
    const taken = await kit.row("destinations", shop);
    for (
      const body of [
        { shop_id: "00000000-0000-0000-0000-000000000000" },
        { sealed: "v1.a.b.c" },
        { purpose: "analytics" },
        { max_age: "1 year" },
        { settings: { id: META.id, base_url: "http://169.254.169.254" } },
        { settings: { id: META.id, __proto__: { x: 1 }, endpoint: "http://127.0.0.1" } },
        { enabled: "yes" },
      ]
    ) {
      expect((await set(shop, "meta", body)).status, JSON.stringify(body)).toBe(422);
    }
    expect(await kit.row("destinations", shop)).toEqual(taken);
  });

  test("of a platform there is not are 404", async () => {
    const shop = await installed();
    for (const name of ["nobody", "__proto__", "constructor", "..%2Fmeta"]) {
      expect((await set(shop, name, { settings: { id: "1" } })).status, name).toBe(404);
    }
  });

  test("send a test event in test mode only, and say what the platform said", async () => {
    const shop = await installed();
    await set(shop, "meta", { settings: { id: META.id }, token: META.token });
    expect(await call(shop, "POST /destinations/meta/test", { body: {} })).toMatchObject({
      status: 409,
      body: { code: "no_test_code" },
    });
    await set(shop, "meta", { test_code: "TEST12345" });
    kit.vendors.reset();
    for (const event of ["page_viewed", "checkout_completed"]) {
      expect(await call(shop, "POST /destinations/meta/test", { body: { event } })).toMatchObject({
        status: 200,
        body: { outcome: "delivered", reason: "accepted" },
      });
    }
    expect(kit.vendors.requests().map((request) => request.problems)).toEqual([[], []]);
    expect(await call(shop, "POST /destinations/tiktok/test", { body: {} })).toMatchObject({ status: 404 });
    expect(await kit.row("events", shop)).toBeUndefined();
  });
});
