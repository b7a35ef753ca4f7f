/** What TikTok accepts as one event (reference: tiktok §2, §4, §5). */
import * as check from "./checks.ts";
import type { Fields, Finding, JsonObject, Path } from "./checks.ts";

const DAY_S = 86_400;
/** No limit is documented for web events and 28 days for offline ones: 7 days is the strictest reading in use. */
const MAX_AGE_S = { web: 7 * DAY_S, offline: 28 * DAY_S };
const MAX_FUTURE_S = 60;
const MAX_TTCLID = 1000;

/** The only currencies TikTok takes (reference: tiktok §2.3). */
const CURRENCIES =
  ("AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR ISK " +
    "JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY " +
    "TWD UAH USD VES VND ZAR").split(" ");

/** Standard events; an offline event may be no other (reference: tiktok §3). */
const STANDARD_EVENTS = new Set(
  ("AddPaymentInfo AddToCart AddToWishlist ApplicationApproval ClickButton CompletePayment CompleteRegistration Contact " +
    "CustomizeProduct Download FindLocation InitiateCheckout Lead PlaceAnOrder Purchase Schedule Search StartTrial " +
    "SubmitApplication SubmitForm Subscribe ViewContent").split(" "),
);

const USER_FIELDS: Fields = {
  email: check.digests,
  phone: check.digests,
  external_id: check.digests,
  first_name: check.digest,
  last_name: check.digest,
  zip_code: check.digest,
  city: check.clear,
  state: check.clear,
  country: check.matching(/^[a-z]{2}$/, "two-letter lower-case country"),
  ip: check.ip,
  user_agent: check.clear,
  ttclid: (value) =>
    check.clear(value) ??
      (String(value).length <= MAX_TTCLID ? null : `string of at most ${MAX_TTCLID} characters`),
  ttp: check.clear,
  locale: check.matching(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$/, "BCP 47 locale"),
  idfa: check.string,
  idfv: check.string,
  gaid: check.string,
  att_status: check.string,
};

const PAGE_FIELDS: Fields = { url: check.url, referrer: check.string };

const CONTENT_FIELDS: Fields = {
  // A number here is the one refusal with a public fixture: "Not a valid string" (reference: tiktok §8).
  content_id: check.string,
  price: check.amount,
  quantity: check.units,
  content_name: check.string,
  content_category: check.string,
  brand: check.string,
};

/** Other keys refused: whether TikTok keeps custom properties is unconfirmed. */
const PROPERTY_FIELDS: Fields = {
  value: check.amount,
  currency: check.oneOf(...CURRENCIES),
  contents: (value) => Array.isArray(value) && value.every(check.isObject) ? null : "list",
  content_ids: check.strings,
  content_type: check.oneOf("product", "product_group"),
  num_items: check.units,
  search_string: check.string,
  query: check.string,
  description: check.string,
  order_id: check.string,
  shop_id: check.string,
  customer_type: check.oneOf("new", "returning"),
  delivery_category: check.string,
  predicted_ltv: check.number,
};

/** There is no `context` in version 2.0, and other keys are unconfirmed: refused. */
const EVENT_FIELDS: Fields = {
  event: check.filled,
  event_time: check.integer,
  event_id: check.string,
  user: check.object,
  page: check.object,
  properties: check.object,
  limited_data_use: check.boolean,
  ad: check.object,
  lead: check.object,
};

function checkTime(event: JsonObject, source: unknown, path: Path, now: number, out: Finding[]): void {
  const time = event["event_time"];
  if (!Number.isInteger(time)) return;
  const age = Math.floor(now / 1000) - Number(time);
  const maxAge = source === "offline" ? MAX_AGE_S.offline : MAX_AGE_S.web;
  if (age > maxAge || age < -MAX_FUTURE_S) {
    out.push({
      path: [...path, "event_time"],
      kind: "invalid",
      what: "Unix time in seconds within the window",
    });
  }
}

function checkUser(user: unknown, path: Path, out: Finding[], ignored: Finding[]): void {
  if (!check.isObject(user)) {
    // "Required" on one vendor page, unmarked on another: the stricter reading.
    if (user === undefined) out.push({ path, kind: "required", what: "value" });
    return;
  }
  check.checkFields(user, USER_FIELDS, path, out, true);
  const known = Object.keys(user).filter((key) => Object.hasOwn(USER_FIELDS, key));
  if (known.length === 0) out.push({ path, kind: "invalid", what: "set of identifiers" });
  for (const key of Object.keys(user)) {
    // Measured: an unknown key in `user` is answered with code 0, so a typo is invisible (reference: tiktok §4).
    if (!known.includes(key)) ignored.push({ path: [...path, key], kind: "unknown", what: "known field" });
  }
}

function checkProperties(properties: unknown, path: Path, out: Finding[]): void {
  if (!check.isObject(properties)) return;
  check.checkFields(properties, PROPERTY_FIELDS, path, out);
  const contents = Array.isArray(properties["contents"]) ? properties["contents"] : [];
  contents.forEach((content, index) => {
    if (check.isObject(content)) {
      check.checkFields(content, CONTENT_FIELDS, [...path, "contents", index], out);
    }
  });
}

/** Adds what is wrong with one event to `out`, and what TikTok takes in silence to `ignored`. `now` in ms. */
export function checkEvent(
  event: unknown,
  source: unknown,
  path: Path,
  now: number,
  out: Finding[],
  ignored: Finding[],
): void {
  if (!check.isObject(event)) {
    out.push({ path, kind: "invalid", what: "object" });
    return;
  }
  check.checkRequired(event, ["event", "event_time"], path, out);
  check.checkFields(event, EVENT_FIELDS, path, out);
  checkTime(event, source, path, now, out);
  if (source === "offline" && typeof event["event"] === "string" && !STANDARD_EVENTS.has(event["event"])) {
    out.push({ path: [...path, "event"], kind: "invalid", what: "standard event" });
  }
  if (source !== "crm") checkUser(event["user"], [...path, "user"], out, ignored);
  if (source === "web") check.checkRequired(event, ["page"], path, out);
  if (check.isObject(event["page"])) {
    if (source === "web") check.checkRequired(event["page"], ["url"], [...path, "page"], out);
    check.checkFields(event["page"], PAGE_FIELDS, [...path, "page"], out);
  }
  if (source === "crm") {
    const lead = check.isObject(event["lead"]) ? event["lead"] : {};
    check.checkRequired(lead, ["lead_id"], [...path, "lead"], out);
  }
  checkProperties(event["properties"], [...path, "properties"], out);
}
