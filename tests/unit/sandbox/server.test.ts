import { describe, expect, it } from "vitest";
import { startVendorSandbox } from "@trakit/sandbox/vendors/server.ts";
import { VENDOR_NAMES, type VendorName } from "@trakit/sandbox/vendors/names.ts";
import { holdSandbox } from "./held-sandbox.ts";
import { type Body, GOOD, multiply, NOW } from "./requests.ts";

const held = holdSandbox();
const { post, control } = held;

const GOOD_STATUS: Record<VendorName, number> = {
  meta: 200,
  tiktok: 200,
  pinterest: 200,
  snapchat: 200,
  google: 204,
  reddit: 200,
};

describe("one port, every vendor", () => {
  it.each(VENDOR_NAMES)("a good request to %s is taken, recorded and counted", async (vendor) => {
    const answer = await post(vendor);
    expect(answer.status).toBe(GOOD_STATUS[vendor]);
    const [recorded, ...more] = held.sandbox.requests();
    expect(more).toEqual([]);
    expect(recorded).toMatchObject({
      seq: 1,
      vendor,
      at: NOW,
      method: "POST",
      body: GOOD[vendor](),
      accepted: true,
      status: GOOD_STATUS[vendor],
      problems: [],
      fault: null,
    });
    expect(recorded!.events).toHaveLength(1);
    const { json } = await control("GET", "/_events");
    expect(json).toEqual([expect.objectContaining({ vendor, copies: 1, first_at: NOW, last_at: NOW })]);
  });

  it.each(VENDOR_NAMES)(
    "a bad request to %s is recorded with its problem and not counted",
    async (vendor) => {
      await post(vendor, { text: "{}" });
      const [recorded] = held.sandbox.requests();
      expect(recorded).toMatchObject({ accepted: false, body: {} });
      expect(recorded!.problems.length).toBeGreaterThan(0);
      expect((await control("GET", "/_events")).json).toEqual([]);
    },
  );

  it("a copy counts again where the vendor does not promise to know it", async () => {
    for (const vendor of VENDOR_NAMES) {
      await post(vendor);
      await post(vendor);
    }
    const { json } = await control("GET", "/_events");
    expect(Object.fromEntries(json.map((one: Body) => [one.vendor, [one.copies, one.counted]]))).toEqual({
      meta: [2, 2],
      tiktok: [2, 1],
      pinterest: [2, 2],
      snapchat: [2, 2],
      google: [2, 1],
      reddit: [2, 2],
    });
  });

  it("copies of one event are counted per vendor, account, name and id", async () => {
    await post("meta");
    await post("meta");
    await post("meta", { target: "/v25.0/999/events" });
    await post("meta", { spoil: (body) => body.data[0].event_id = "purchase-2" });
    await post("pinterest");
    const { json } = await control("GET", "/_events?vendor=meta");
    expect(json.map((one: Body) => [one.account, one.name, one.event_id, one.copies])).toEqual([
      ["1234567890", "Purchase", "purchase-1", 2],
      ["999", "Purchase", "purchase-1", 1],
      ["1234567890", "Purchase", "purchase-2", 1],
    ]);
    const counts = await control("GET", "/_counts");
    expect(counts.json.meta).toEqual({
      requests: 4,
      accepted: 4,
      refused: 0,
      faults: 0,
      events: 4,
      copies: 1,
    });
  });

  it("the taken events of a half-failed Pinterest batch count, the others do not", async () => {
    await post("pinterest", {
      spoil: (body) => {
        multiply("data", 2)(body);
        Object.assign(body.data[1], { event_id: "old", event_time: 1 });
      },
    });
    const { json } = await control("GET", "/_events");
    expect(json.map((one: Body) => one.event_id)).toEqual(["purchase-1"]);
  });

  it("validation endpoints are recorded and count nothing", async () => {
    await post("pinterest", { target: "/v5/ad_accounts/1/events?test=true" });
    await post("snapchat", { target: "/v3/p/events/validate?access_token=t" });
    await post("google", { target: "/debug/mp/collect?measurement_id=G-1&api_secret=s" });
    expect(held.sandbox.requests().map((one) => one.accepted)).toEqual([true, true, true]);
    expect((await control("GET", "/_events")).json).toEqual([]);
  });

  it("a body of over 16 MiB is refused without being kept", async () => {
    const answer = await post("meta", { text: " ".repeat(16 * 1024 * 1024 + 1) });
    expect(answer.status).toBe(413);
    expect(held.sandbox.requests()).toEqual([]);
  });
});

describe("secrets", () => {
  it("in query, body and form never reach the record", async () => {
    const secret = "s3cret-value";
    await post("google", { target: `/mp/collect?measurement_id=G-1&api_secret=${secret}` });
    await post("snapchat", { target: `/v3/p/events?access_token=${secret}` });
    await post("meta", { headers: { authorization: `Bearer ${secret}` } });
    await post("meta", {
      target: `/v25.0/1/events?access_token=${secret}&appsecret_proof=${secret}`,
      spoil: (body) => body.access_token = secret,
    });
    await post("meta", {
      headers: { "content-type": "application/x-www-form-urlencoded" },
      text: `data=[]&access_token=${secret}`,
    });
    await post("meta", { text: `{"access_token": "${secret}", "data": [` });
    await post("tiktok", { headers: { "access-token": secret } });
    await control("PUT", "/_faults/meta", { kind: "bad_token", token: secret });
    const shown = JSON.stringify([
      (await control("GET", "/_requests")).json,
      (await control("GET", "/_faults")).json,
      (await control("GET", "/")).json,
    ]);
    expect(shown).not.toContain(secret);
    expect(held.sandbox.requests()[0]!.path).toBe("/mp/collect?measurement_id=G-1&api_secret=***");
    expect(held.sandbox.requests()[3]!.body).toMatchObject({ access_token: "***" });
  });
});

describe("the record over HTTP", () => {
  it("is filtered by vendor, cut to the newest, and paged with since", async () => {
    for (const vendor of ["meta", "tiktok", "meta", "meta"] as const) await post(vendor);
    const seqs = async (query: string) =>
      (await control("GET", `/_requests?${query}`)).json.map((one: Body) => one.seq);
    expect(await seqs("")).toEqual([1, 2, 3, 4]);
    expect(await seqs("vendor=meta")).toEqual([1, 3, 4]);
    expect(await seqs("limit=2")).toEqual([3, 4]);
    expect(await seqs("since=1&limit=2")).toEqual([2, 3]);
    expect(await seqs("since=4")).toEqual([]);
    expect((await control("GET", "/_requests?vendor=myspace")).status).toBe(400);
    expect((await control("GET", "/_requests?limit=-1")).status).toBe(400);
  });

  it("is cleared apart from the copies, and seq goes on", async () => {
    await post("meta");
    expect((await control("DELETE", "/_requests")).status).toBe(204);
    expect(held.sandbox.requests()).toEqual([]);
    expect((await control("GET", "/_events")).json).toHaveLength(1);
    await control("DELETE", "/_events");
    expect((await control("GET", "/_events")).json).toEqual([]);
    expect((await control("GET", "/_counts")).json.meta.requests).toBe(0);
    await post("meta");
    expect(held.sandbox.requests()[0]!.seq).toBe(2);
  });

  it("is forgotten with faults and copies at reset", async () => {
    await post("meta");
    await control("PUT", "/_faults/meta", { kind: "reset" });
    held.sandbox.reset();
    expect(held.sandbox.requests()).toEqual([]);
    expect((await control("GET", "/_events")).json).toEqual([]);
    expect((await post("meta")).status).toBe(200);
  });
});

describe("settings for benches", () => {
  it("counts keeps no request but totals and copies", async () => {
    expect((await control("PUT", "/_settings", { record: "counts" })).json).toEqual({
      record: "counts",
      instant: false,
    });
    await post("meta");
    expect((await post("meta", { text: "{}" })).status).toBe(400);
    expect(held.sandbox.requests()).toEqual([]);
    expect((await control("GET", "/_counts")).json.meta).toMatchObject({
      requests: 2,
      accepted: 1,
      refused: 1,
      events: 1,
    });
    expect((await control("GET", "/_events")).json).toHaveLength(1);
  });

  it.each(VENDOR_NAMES)("instant answers %s as for good events without looking", async (vendor) => {
    await control("PUT", "/_settings", { instant: true });
    const list = vendor === "google" || vendor === "reddit" ? "events" : "data";
    const answer = await post(vendor, {
      headers: { authorization: "", "access-token": "" },
      spoil: (body) => {
        multiply(list, 3)(vendor === "reddit" ? body.data : body);
        body.nonsense = true;
      },
    });
    expect(answer.status).toBe(GOOD_STATUS[vendor]);
    const text = await answer.text();
    if (vendor === "meta") expect(JSON.parse(text).events_received).toBe(3);
    if (vendor === "pinterest") expect(JSON.parse(text).events).toHaveLength(3);
    expect((await control("GET", "/_counts")).json[vendor].events).toBe(3);
  });

  it("a setting that is none is refused", async () => {
    expect((await control("PUT", "/_settings", { record: "all" })).status).toBe(400);
    expect((await control("PUT", "/_settings", { speed: 1 })).status).toBe(400);
    expect((await control("GET", "/_settings")).json).toEqual({ record: "full", instant: false });
  });
});

describe("for people", () => {
  it("health says ok", async () => {
    expect((await control("GET", "/_health")).json.status).toBe("ok");
  });

  it("the page stands alone: no address of another host, and its policy allows none", async () => {
    const answer = await fetch(held.sandbox.url, { headers: { accept: "text/html" } });
    expect(answer.headers.get("content-type")).toContain("text/html");
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
    const page = await answer.text();
    expect(page).not.toMatch(/(src|href)=|https?:/);
    for (const vendor of VENDOR_NAMES) expect(page).toContain(`data-vendor="${vendor}"`);
  });

  it("other callers of / get JSON, unknown routes a problem document", async () => {
    expect((await control("GET", "/")).json.vendors).toHaveLength(VENDOR_NAMES.length);
    const missing = await fetch(`${held.sandbox.url}/nowhere`);
    expect([missing.status, missing.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
    expect((await control("POST", "/_requests")).status).toBe(405);
  });

  it("a taken port is an error", async () => {
    await expect(startVendorSandbox({ port: held.sandbox.port, now: () => NOW })).rejects.toThrow(
      "EADDRINUSE",
    );
  });
});
