/** What the mappings are held against: the same requests by the plainest code that makes them, and Meta's own library. */
import { hash } from "node:crypto";
import { createRequire } from "node:module";
import parsePhoneNumber, { type CountryCode } from "libphonenumber-js/min";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import type { ClearPerson } from "@trakit/core/identity/person.ts";

const sha = (text: string) => hash("sha256", text, "hex");

/** One SHA-256 for each of `texts`, and the phone read by libphonenumber. */
export function digestsFloor(texts: readonly string[], person: ClearPerson): number {
  let length = 0;
  for (const text of texts) length += sha(text).length;
  for (const { value, country } of person.phones) {
    length += parsePhoneNumber(value, country as CountryCode)?.number.length ?? 0;
  }
  return length;
}

const seconds = (event: CanonicalEvent) => Math.floor(Date.parse(event.occurred_at) / 1000);
const units = (event: CanonicalEvent) =>
  event.commerce.items.reduce((sum, { quantity }) => sum + quantity, 0);
const net = (item: CanonicalEvent["commerce"]["items"][number]) =>
  Math.round((Number(item.unit_price) - Number(item.line_discount) / item.quantity) * 100) / 100;

/** The request of one purchase as a plain object, by platform. Nothing is checked, left out or limited. */
export const PLAIN: Record<string, (event: CanonicalEvent) => string> = {
  meta: (event) => {
    const { client, commerce, digests, identifiers } = event;
    return JSON.stringify({
      data: [{
        event_name: "Purchase",
        event_time: seconds(event),
        event_id: event.event_id,
        action_source: "website",
        event_source_url: event.page.url,
        referrer_url: event.page.referrer,
        user_data: {
          em: digests["email.lower"],
          ph: digests["phone.digits"],
          fn: digests["first_name.compact"],
          ln: digests["last_name.compact"],
          ct: digests["city.compact"],
          st: digests["region.meta"],
          zp: digests["postal.alnum"],
          country: digests["country.lower"],
          external_id: digests["external_id.lower"],
          client_ip_address: client.ip,
          client_user_agent: client.user_agent,
          fbc: identifiers.fbc,
          fbp: identifiers.fbp,
        },
        custom_data: {
          value: Number(commerce.total),
          currency: commerce.currency,
          content_ids: commerce.items.map((item) => item.variant_id),
          contents: commerce.items.map((item) => ({
            id: item.variant_id,
            quantity: item.quantity,
            item_price: net(item),
            title: item.title,
            brand: item.brand,
            category: item.category,
          })),
          content_type: "product",
          num_items: units(event),
          order_id: commerce.order_id,
        },
        customer_segmentation: "new_customer_to_business",
      }],
      partner_agent: "trakit-1-0",
    });
  },
  tiktok: (event) => {
    const { client, commerce, digests, identifiers } = event;
    return JSON.stringify({
      event_source: "web",
      event_source_id: "C4ABCDEF0123456789AB",
      partner_name: "trakit",
      data: [{
        event: "Purchase",
        event_time: seconds(event),
        event_id: event.event_id,
        user: {
          email: digests["email.lower"],
          phone: digests["phone.e164"],
          external_id: digests["external_id.lower"],
          first_name: digests["first_name.compact"]?.[0],
          last_name: digests["last_name.compact"]?.[0],
          zip_code: digests["postal.alnum"]?.[0],
          city: client.city?.toLowerCase(),
          state: client.region_code?.toLowerCase(),
          country: client.country?.toLowerCase(),
          ip: client.ip,
          user_agent: client.user_agent,
          ttclid: identifiers.ttclid,
          ttp: identifiers.ttp,
          locale: client.language,
        },
        page: { url: event.page.url, referrer: event.page.referrer },
        properties: {
          value: Number(commerce.total),
          currency: commerce.currency,
          contents: commerce.items.map((item) => ({
            content_id: item.variant_id,
            price: net(item),
            quantity: item.quantity,
            content_name: item.title,
            content_category: item.category,
            brand: item.brand,
          })),
          content_ids: commerce.items.map((item) => item.variant_id),
          content_type: "product",
          num_items: units(event),
          order_id: commerce.order_id,
          customer_type: commerce.customer_type,
        },
        limited_data_use: false,
      }],
    });
  },
  pinterest: (event) => {
    const { client, commerce, digests, identifiers } = event;
    return JSON.stringify({
      data: [{
        event_name: "checkout",
        action_source: "web",
        event_time: seconds(event),
        event_id: event.event_id,
        event_source_url: event.page.url,
        opt_out: false,
        partner_name: "ss-trakit",
        user_data: {
          em: digests["email.lower"],
          ph: digests["phone.digits"],
          fn: digests["first_name.lower"],
          ln: digests["last_name.lower"],
          ct: digests["city.compact"],
          st: digests["region.code"],
          zp: digests["postal.spaceless"],
          country: digests["country.lower"],
          external_id: digests["external_id.plain"],
          client_ip_address: client.ip,
          client_user_agent: client.user_agent,
          click_id: identifiers.epik,
        },
        custom_data: {
          value: commerce.total,
          currency: commerce.currency,
          order_id: commerce.order_id,
          content_ids: commerce.items.map((item) => item.variant_id),
          contents: commerce.items.map((item) => ({
            id: item.variant_id,
            item_price: item.unit_price,
            quantity: item.quantity,
            item_name: item.title,
            item_category: item.category,
            item_brand: item.brand,
          })),
          num_items: units(event),
        },
        language: client.language?.slice(0, 2),
      }],
    });
  },
  snapchat: (event) => {
    const { client, commerce, digests, identifiers } = event;
    return JSON.stringify({
      data: [{
        event_name: "PURCHASE",
        action_source: "WEB",
        event_time: seconds(event),
        event_source_url: event.page.url,
        event_id: event.event_id,
        user_data: {
          em: digests["email.lower"],
          ph: digests["phone.digits"],
          fn: digests["first_name.words"],
          ln: digests["last_name.words"],
          ct: digests["city.compact"],
          st: digests["region.code"],
          zp: digests["postal.spaceless"],
          country: digests["country.lower"],
          external_id: digests["external_id.plain"]?.[0],
          client_ip_address: client.ip,
          client_user_agent: client.user_agent,
          sc_click_id: identifiers.sc_click_id,
          sc_cookie1: identifiers.scid,
        },
        custom_data: {
          value: Number(commerce.total),
          currency: commerce.currency,
          order_id: commerce.order_id,
          content_ids: commerce.items.map((item) => item.variant_id),
          contents: commerce.items.map((item) => ({
            id: item.variant_id,
            quantity: String(item.quantity),
            item_price: net(item).toFixed(2),
            brand: item.brand,
          })),
          content_type: "product",
          num_items: units(event),
          brands: commerce.items[0]?.brand,
        },
        integration: "trakit",
      }],
    });
  },
  google: (event) => {
    const { client, commerce, digests, identifiers } = event;
    return JSON.stringify({
      client_id: identifiers.ga_client_id,
      user_id: identifiers.customer_id,
      ip_override: client.ip,
      user_agent: client.user_agent,
      consent: { ad_user_data: "GRANTED", ad_personalization: "GRANTED" },
      user_data: {
        sha256_email_address: digests["email.gmail"],
        sha256_phone_number: digests["phone.e164"],
        address: [{
          sha256_first_name: digests["first_name.letters"]?.[0],
          sha256_last_name: digests["last_name.letters"]?.[0],
          sha256_street: digests["street.letters"]?.[0],
          city: client.city?.toLowerCase(),
          region: client.region_code?.toLowerCase(),
          postal_code: client.postal_code,
          country: client.country,
        }],
      },
      events: [{
        name: "purchase",
        params: {
          session_id: identifiers.ga_session_id,
          engagement_time_msec: 1,
          page_location: event.page.url,
          page_referrer: event.page.referrer,
          page_title: event.page.title,
          currency: commerce.currency,
          value: Number(commerce.subtotal) - Number(commerce.tax),
          transaction_id: commerce.order_id,
          tax: Number(commerce.tax),
          shipping: Number(commerce.shipping),
          customer_type: commerce.customer_type,
          coupon: commerce.coupon,
          items: commerce.items.map((item) => ({
            item_id: item.variant_id,
            item_name: item.title,
            item_brand: item.brand,
            item_category: item.category,
            item_variant: item.variant_title,
            price: net(item),
            quantity: item.quantity,
            discount: Number(item.line_discount) / item.quantity,
          })),
        },
        timestamp_micros: Date.parse(event.occurred_at) * 1000,
      }],
    });
  },
  reddit: (event) => {
    const { client, commerce, digests } = event;
    return JSON.stringify({
      data: {
        events: [{
          event_at: Date.parse(event.occurred_at),
          action_source: "WEBSITE",
          event_source_url: event.page.url,
          type: { tracking_type: "PURCHASE" },
          user: {
            email: digests["email.canonical"]?.[0],
            phone_number: digests["phone.e164"]?.[0],
            external_id: digests["external_id.plain"]?.[0],
            ip_address: client.ip,
            user_agent: client.user_agent,
          },
          metadata: {
            conversion_id: event.event_id,
            value: Number(commerce.total),
            currency: commerce.currency,
            item_count: units(event),
            products: commerce.items.map((item) => ({
              id: item.variant_id,
              name: item.title,
              category: item.category,
              quantity: item.quantity,
              item_price: net(item),
            })),
          },
        }],
      },
    });
  },
};

interface Builder {
  [setter: string]: (value: unknown) => Builder;
}
/** Where an EventRequest hands its parameters over to be sent (the library's own extension point). */
interface HttpService {
  executeRequest(url: string, method: string, headers: object, params: object): Promise<unknown>;
}
interface Sdk {
  UserData: new () => Builder;
  CustomData: new () => Builder;
  Content: new () => Builder;
  ServerEvent: new () => Builder;
  EventRequest: new (token: string, pixel: string) => Builder & { execute(): Promise<unknown> };
}
const sdk = createRequire(import.meta.url)("facebook-nodejs-business-sdk") as Sdk;

let serialised = "";
const sent = Promise.resolve({});
const serialiser: HttpService = {
  executeRequest(_url, _method, _headers, params) {
    serialised = JSON.stringify(params);
    return sent;
  },
};

/** The same purchase built, normalised, hashed and serialised by Meta's own library, up to where it would be sent. */
export function byMetaSdk(person: ClearPerson, event: CanonicalEvent, phone: string): string {
  const { client, commerce, identifiers } = event;
  const user = new sdk.UserData()
    .setEmails!(person.emails).setPhones!([phone])
    .setFirstNames!([person.first_name]).setLastNames!([person.last_name])
    .setCities!([person.city]).setStates!([person.region_code]).setZips!([person.postal_code])
    .setCountries!([person.country?.toLowerCase()]).setExternalIds!(person.external_ids)
    .setClientIpAddress!(client.ip).setClientUserAgent!(client.user_agent)
    .setFbc!(identifiers.fbc).setFbp!(identifiers.fbp);
  const contents = commerce.items.map((item) =>
    new sdk.Content().setId!(item.variant_id).setQuantity!(item.quantity).setItemPrice!(net(item))
      .setTitle!(item.title).setBrand!(item.brand).setCategory!(item.category)
  );
  const custom = new sdk.CustomData()
    .setValue!(Number(commerce.total)).setCurrency!(commerce.currency)
    .setContentIds!(commerce.items.map((item) => item.variant_id)).setContents!(contents)
    .setContentType!("product").setNumItems!(units(event)).setOrderId!(commerce.order_id);
  const server = new sdk.ServerEvent()
    .setEventName!("Purchase").setEventTime!(seconds(event)).setEventId!(event.event_id)
    .setActionSource!("website").setEventSourceUrl!(event.page.url)
    .setUserData!(user).setCustomData!(custom);
  const request = new sdk.EventRequest("tkn-0123456789", "1234567890123456")
    .setEvents!([server]).setPartnerAgent!("trakit-1-0").setHttpService!(serialiser) as unknown as {
      execute(): Promise<unknown>;
    };
  request.execute();
  return serialised;
}
