/** Good requests of each vendor, to be spoiled one detail at a time, and a way to ask a vendor without a server. */
import { VENDORS } from "@trakit/sandbox/vendors/all.ts";
import type { VendorName } from "@trakit/sandbox/vendors/names.ts";
import type { Handled, VendorRequest } from "@trakit/sandbox/vendors/types.ts";

/** 2026-11-20T12:00:00Z */
export const NOW = Date.UTC(2026, 10, 20, 12);
export const NOW_S = NOW / 1000;
/** SHA-256 of "person@example.com" (reference: pinterest §4) and of the empty string. */
export const DIGEST = "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345";
export const EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
export const AGENT = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0";

// deno-lint-ignore no-explicit-any -- the tests break these bodies in every way a type would forbid
export type Body = any;

export const GOOD: Record<VendorName, () => Body> = {
  meta: () => ({
    data: [{
      event_name: "Purchase",
      event_time: NOW_S - 60,
      event_id: "purchase-1",
      action_source: "website",
      event_source_url: "https://shop.example/checkouts/1",
      user_data: {
        em: [DIGEST],
        external_id: [DIGEST],
        client_ip_address: "2001:db8::1",
        client_user_agent: AGENT,
        fbp: "fb.1.1795000000000.1098115397",
        fbc: "fb.1.1795000000000.IwAR-Case_Sensitive",
      },
      custom_data: {
        value: 59.9,
        currency: "EUR",
        content_type: "product",
        content_ids: ["41"],
        contents: [{ id: "41", quantity: 2, item_price: 29.95 }],
        order_id: "5550001",
      },
    }],
  }),
  tiktok: () => ({
    event_source: "web",
    event_source_id: "PIXEL1",
    partner_name: "trakit",
    data: [{
      event: "Purchase",
      event_time: NOW_S - 60,
      event_id: "purchase-1",
      user: {
        email: [DIGEST],
        phone: DIGEST,
        ip: "203.0.113.9",
        user_agent: AGENT,
        locale: "nl-NL",
        city: "utrecht",
      },
      page: { url: "https://shop.example/thanks?ttclid=E.C.P.x" },
      properties: {
        value: 59.9,
        currency: "EUR",
        content_type: "product",
        contents: [{ content_id: "41", price: 29.95, quantity: 2 }],
      },
      limited_data_use: false,
    }],
  }),
  pinterest: () => ({
    data: [{
      event_name: "checkout",
      action_source: "web",
      event_time: NOW_S - 60,
      event_id: "purchase-1",
      user_data: { em: [DIGEST], client_ip_address: "203.0.113.9", client_user_agent: AGENT, click_id: null },
      custom_data: {
        value: "59.90",
        currency: "EUR",
        contents: [{ id: "41", item_price: "29.95", quantity: 2 }],
        num_items: 2,
      },
    }],
  }),
  snapchat: () => ({
    data: [{
      event_name: "PURCHASE",
      event_time: NOW_S - 60,
      event_id: "purchase-1",
      action_source: "WEB",
      event_source_url: "https://shop.example/thanks",
      user_data: { em: [DIGEST], client_ip_address: "203.0.113.9", client_user_agent: AGENT },
      custom_data: {
        value: 59.9,
        currency: "EUR",
        contents: [{ id: "41", quantity: "2", item_price: "29.95" }],
      },
    }],
  }),
  google: () => ({
    client_id: "1234567890.1795000000",
    timestamp_micros: (NOW - 60_000) * 1000,
    user_data: { sha256_email_address: [DIGEST], address: [{ sha256_first_name: DIGEST, city: "new york" }] },
    consent: { ad_user_data: "GRANTED", ad_personalization: "DENIED" },
    events: [{
      name: "purchase",
      params: {
        transaction_id: "5550001",
        value: 59.9,
        currency: "EUR",
        session_id: "1795000000",
        engagement_time_msec: 1,
        items: [{ item_id: "41", price: 29.95, quantity: 2 }],
      },
    }],
  }),
  reddit: () => ({
    data: {
      events: [{
        event_at: NOW - 60_000,
        action_source: "WEBSITE",
        event_source_url: "https://shop.example/thank-you?rdt_cid=3184742045291813272",
        click_id: "3184742045291813272",
        type: { tracking_type: "PURCHASE" },
        user: { email: DIGEST, ip_address: "203.0.113.9", user_agent: "Mozilla/5.0" },
        metadata: {
          conversion_id: "purchase-1",
          value: 59.9,
          currency: "EUR",
          item_count: 2,
          products: [{ id: "41", quantity: 2, item_price: 29.95 }],
        },
      }],
    },
  }),
};

const ADDRESS: Record<VendorName, { target: string; headers: Record<string, string> }> = {
  meta: { target: "/v25.0/1234567890/events", headers: { authorization: "Bearer EAAtoken" } },
  tiktok: { target: "/open_api/v1.3/event/track/", headers: { "access-token": "tttoken" } },
  pinterest: { target: "/v5/ad_accounts/549755885175/events", headers: { authorization: "Bearer pintoken" } },
  snapchat: { target: "/v3/0a1b2c3d-pixel/events?access_token=sctoken", headers: {} },
  google: { target: "/mp/collect?measurement_id=G-ABC123&api_secret=gasecret", headers: {} },
  reddit: {
    target: "/api/v3/pixels/a2_abcdefgh1234/conversion_events",
    headers: { authorization: "Bearer rdtoken", "user-agent": "shop-test/1.0" },
  },
};

export interface Change {
  /** Path with query. */
  target?: string;
  method?: string;
  /** An empty string removes one. */
  headers?: Record<string, string>;
  /** Sent instead of the JSON of the good body. */
  text?: string;
  /** Changes the good body in place. */
  spoil?: (body: Body) => unknown;
}

/** A good request to `fetch`, changed. */
export function request(
  vendor: VendorName,
  change: Change = {},
): { target: string; init: RequestInit & Body } {
  const body = GOOD[vendor]();
  change.spoil?.(body);
  const headers = { "content-type": "application/json", ...ADDRESS[vendor].headers, ...change.headers };
  for (const name of Object.keys(headers)) if (headers[name as never] === "") delete headers[name as never];
  const init = { method: change.method ?? "POST", headers, body: change.text ?? JSON.stringify(body) };
  return { target: change.target ?? ADDRESS[vendor].target, init };
}

/** The vendor's answer without a server; `body` is parsed where it is JSON. */
export function ask(name: VendorName, change: Change = {}): Handled & { json: Body } {
  const { target, init } = request(name, change);
  const url = new URL(target, "http://sandbox.test");
  const asked: VendorRequest = {
    method: init.method,
    path: url.pathname,
    query: url.searchParams,
    headers: init.headers,
    body: init.body,
  };
  const vendor = VENDORS[name];
  const handled = vendor.handle(asked, vendor.parse(asked), { now: NOW, trace: "trace-1" });
  const isJson = handled.headers["content-type"] === "application/json";
  return { ...handled, json: isJson ? JSON.parse(handled.body) : null };
}

/** `count` copies of the good body's only event, in place. */
export function multiply(list: "data" | "events", count: number): (body: Body) => void {
  return (body) => body[list] = Array.from({ length: count }, () => structuredClone(body[list][0]));
}
