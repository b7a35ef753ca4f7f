import { describe, expect, it } from "vitest";
import { VENDOR_NAMES, type VendorName } from "@trakit/sandbox/vendors/names.ts";
import { holdSandbox, until } from "./held-sandbox.ts";
import type { Body } from "./requests.ts";

const held = holdSandbox();
const { post, control } = held;

describe("faults", () => {
  const answers: [VendorName, Body, number, Body, Record<string, string>][] = [
    ["meta", { kind: "throttle" }, 400, { error: { code: 4, error_subcode: 1504022 } }, {
      "x-business-use-case-usage": expect.stringContaining(
        '"estimated_time_to_regain_access":1',
      ) as unknown as string,
    }],
    ["meta", { kind: "throttle", retry_after: 30 }, 429, { error: { code: 4 } }, { "retry-after": "30" }],
    ["meta", { kind: "bad_token" }, 400, { error: { code: 190, type: "OAuthException" } }, {}],
    ["meta", { kind: "status", status: 500 }, 500, { error: { code: 2, is_transient: true } }, {}],
    ["meta", { kind: "status", status: 403 }, 403, { error: { code: 200 } }, {}],
    ["tiktok", { kind: "throttle" }, 401, { code: 40100 }, {}],
    ["tiktok", { kind: "throttle", retry_after: 5 }, 429, { code: 40100 }, { "retry-after": "5" }],
    ["tiktok", { kind: "bad_token" }, 401, { code: 40105 }, {}],
    ["tiktok", { kind: "status", status: 503 }, 503, { code: 50000 }, {}],
    ["pinterest", { kind: "throttle" }, 429, { code: 8 }, {}],
    ["pinterest", { kind: "bad_token" }, 401, { code: 2 }, {}],
    ["pinterest", { kind: "status", status: 503, retry_after: 7 }, 503, { code: 4197 }, {
      "retry-after": "7",
    }],
    ["pinterest", { kind: "status", status: 403 }, 403, { code: 29 }, {}],
    ["snapchat", { kind: "throttle", retry_after: 9 }, 429, { status: "INVALID" }, { "retry-after": "9" }],
    ["snapchat", { kind: "bad_token" }, 400, { status: "INVALID", reason: "Invalid token" }, {}],
    ["snapchat", { kind: "status", status: 500 }, 500, { status: "INVALID" }, {}],
  ];
  it.each(answers)(
    "%s with %o answers %i in the vendor's form",
    async (vendor, fault, status, body, headers) => {
      expect((await control("PUT", `/_faults/${vendor}`, fault)).status).toBe(200);
      const answer = await post(vendor);
      expect(answer.status).toBe(status);
      expect(await answer.json()).toMatchObject(body);
      expect(Object.fromEntries(answer.headers)).toMatchObject(headers);
      expect(held.sandbox.requests()[0]).toMatchObject({ accepted: false, status, fault: fault.kind });
      expect((await control("GET", "/_events")).json).toEqual([]);
    },
  );

  it.each(VENDOR_NAMES)("a gateway's answer of %s is HTML", async (vendor) => {
    await control("PUT", `/_faults/${vendor}`, { kind: "status", status: 502 });
    const answer = await post(vendor);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([502, "text/html"]);
    expect(await answer.text()).toContain("502 Bad Gateway");
  });

  it("Google takes a bad token like a good one and loses the event", async () => {
    await control("PUT", "/_faults/google", { kind: "bad_token" });
    expect((await post("google")).status).toBe(204);
    expect(held.sandbox.requests()[0]).toMatchObject({ accepted: false, fault: "bad_token" });
  });

  it("latency takes the event at once and answers later", async () => {
    await control("PUT", "/_faults/meta", { kind: "latency", ms: 3000 });
    let answered = false;
    const answer = post("meta").then((response) => {
      answered = true;
      return response;
    });
    await until(() => held.slept.length === 1);
    expect(held.slept[0]!.ms).toBe(3000);
    expect(held.sandbox.requests()[0]).toMatchObject({ accepted: true, status: 200, fault: "latency" });
    expect(answered).toBe(false);
    held.slept[0]!.wake();
    expect((await answer).status).toBe(200);
  });

  it("reset breaks the connection and takes nothing", async () => {
    await control("PUT", "/_faults/tiktok", { kind: "reset" });
    const error = await post("tiktok").then(() => null, (reason: Body) => reason);
    expect(error?.cause?.code).toBe("ECONNRESET");
    expect(held.sandbox.requests()[0]).toMatchObject({ accepted: false, status: null, fault: "reset" });
    expect((await control("GET", "/_events")).json).toEqual([]);
  });

  it("reset_after takes the event and breaks the connection", async () => {
    await control("PUT", "/_faults/tiktok", { kind: "reset_after", times: 1 });
    await expect(post("tiktok")).rejects.toThrow();
    expect(held.sandbox.requests()[0]).toMatchObject({ accepted: true, status: null, fault: "reset_after" });
    expect((await post("tiktok")).status).toBe(200);
    expect((await control("GET", "/_events")).json[0].copies).toBe(2);
  });

  it("reset_after does not take what the vendor would refuse", async () => {
    await control("PUT", "/_faults/tiktok", { kind: "reset_after" });
    await expect(post("tiktok", { text: "{}" })).rejects.toThrow();
    expect(held.sandbox.requests()[0]).toMatchObject({ accepted: false, fault: "reset_after" });
  });

  it("hang never answers, until the sandbox closes", async () => {
    await control("PUT", "/_faults/snapchat", { kind: "hang" });
    const answer = post("snapchat").then(() => "answered", () => "cut");
    await until(() => held.sandbox.requests().length === 1);
    expect(held.sandbox.requests()[0]).toMatchObject({ accepted: false, status: null, fault: "hang" });
    await held.sandbox.close();
    expect(await answer).toBe("cut");
  });

  it("times counts down to none", async () => {
    await control("PUT", "/_faults/meta", { kind: "status", status: 500, times: 2 });
    const statuses = [await post("meta"), await post("meta"), await post("meta")].map((one) => one.status);
    expect(statuses).toEqual([500, 500, 200]);
    expect((await control("GET", "/_faults")).json.meta).toBeNull();
  });

  it("probability spares the lucky", async () => {
    await control("PUT", "/_faults/meta", { kind: "status", status: 500, probability: 0.5 });
    held.luck = 0.5;
    expect((await post("meta")).status).toBe(200);
    held.luck = 0.49;
    expect((await post("meta")).status).toBe(500);
    expect((await control("GET", "/_faults/meta")).json.hits).toBe(1);
  });

  it("account limits a fault to one pixel, token to one token", async () => {
    await control("PUT", "/_faults", {
      tiktok: { kind: "status", status: 500, account: "PIXEL2" },
      pinterest: { kind: "bad_token", token: "gone" },
    });
    expect((await post("tiktok")).status).toBe(200);
    expect((await post("tiktok", { spoil: (body) => body.event_source_id = "PIXEL2" })).status).toBe(500);
    expect((await post("pinterest")).status).toBe(200);
    expect((await post("pinterest", { headers: { authorization: "Bearer gone" } })).status).toBe(401);
  });

  it("a fault of one vendor leaves the others alone, and goes when it is deleted", async () => {
    await control("PUT", "/_faults/meta", { kind: "status", status: 500 });
    await control("PUT", "/_faults/snapchat", { kind: "status", status: 500 });
    expect((await post("pinterest")).status).toBe(200);
    expect((await control("DELETE", "/_faults/meta")).status).toBe(204);
    expect((await post("meta")).status).toBe(200);
    expect((await post("snapchat")).status).toBe(500);
    await control("DELETE", "/_faults");
    expect((await post("snapchat")).status).toBe(200);
  });

  const unfit: [string, string, unknown][] = [
    ["an unknown kind", "/_faults/meta", { kind: "fire" }],
    ["latency without ms", "/_faults/meta", { kind: "latency" }],
    ["a status that is none", "/_faults/meta", { kind: "status", status: 200 }],
    ["a field of another kind", "/_faults/meta", { kind: "reset", ms: 1 }],
    ["a probability of 0", "/_faults/meta", { kind: "reset", probability: 0 }],
    ["no times", "/_faults/meta", { kind: "reset", times: 0 }],
    ["an unknown vendor among them", "/_faults", { meta: { kind: "reset" }, myspace: { kind: "reset" } }],
  ];
  it.each(unfit)("%s is refused and changes nothing", async (_title, path, fault) => {
    const answer = await control("PUT", path, fault);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ title: "Invalid request", status: 400, detail: expect.any(String) });
    expect((await control("GET", "/_faults/meta")).json).toBeNull();
  });

  it("of an unknown vendor are not found", async () => {
    expect((await control("PUT", "/_faults/myspace", { kind: "reset" })).status).toBe(404);
  });
});
