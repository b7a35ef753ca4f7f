/**
 * Every identifier TrakIt takes of a browser, once: what it is called, whose it is, where it is read from, what it must
 * look like, and how a browser gets it back. Types, input schemas, capture, the storefront script, the consent filter in
 * SQL, OpenAPI and the privacy page come from this table (docs/adding-an-identifier.md).
 */
import {
  cookieValue,
  gaClientId,
  gaSessionId,
  shaped,
  validClickId,
  validClientId,
  validFbc,
  validFbp,
  validVisitorId,
} from "./cookies.ts";

export interface Identifier {
  /** Whose it is, for people. */
  vendor: string;
  /** What it names. `events.enriched` calls browser and click by these words. */
  names: "visitor" | "customer" | "browser" | "visit" | "click";
  /** The one purpose it serves: where that is refused it is neither stored nor given back. Null = it serves either. */
  purpose: "marketing" | "analytics" | null;
  /** What a browser calls it in `visitor`, where that is not its name; null = no browser tells it. */
  field?: string | null;
  /** Cookies it is read from, best first. One that ends with `*` stands for every cookie that begins so. */
  cookies?: readonly string[];
  /** Parameters of a landing page's address. A click there is newer than any cookie. Names count as they are written. */
  parameters?: readonly string[];
  /** The parameters' names are known in any case. Values are kept byte for byte always. */
  anyCase?: true;
  /** The parameter is not the value but what it is made of: `_fbc` of `fbclid` and the time it was first seen. */
  made?: true;
  /** Cart attribute our script writes. */
  attribute?: string;
  /** Attributes other server tags leave in the cart; they count least. */
  othersAttributes?: readonly string[];
  /** The value in what a cookie, parameter or attribute holds, byte for byte; null where there is none. Never throws. */
  read: (value: unknown) => string | null;
  /** Cookies a browser gets it back with, each visit anew; none = only read, because its own tag keeps it. */
  returned?: readonly string[];
  /** What the vendor makes, invented. */
  example: string;
}

/** Ours: the visitor's id, and click ids no vendor's cookie holds, as JSON by name. */
export const VISITOR_COOKIE = "_tk_v";
/**
 * Beside the visitor's id: that it was given to this device. The prefix keeps other hosts of the domain from writing it
 * (RFC 6265bis, 4.1.3.2).
 */
export const PROOF_COOKIE = "__Host-tk_p";
export const CLICKS_COOKIE = "_tk_c";

const googleClickId = shaped(/^[A-Za-z0-9._-]+$/, 512);

/** Keeps which cookies are in which row, for the types below. */
const table = <const T extends Record<string, Identifier>>(rows: T) => rows;

export const IDENTIFIERS = table({
  /** 128 random bits, 32 hex digits. */
  visitor_id: {
    vendor: "TrakIt",
    names: "visitor",
    purpose: null,
    cookies: [VISITOR_COOKIE],
    attribute: "__trk_vid",
    read: validVisitorId,
    returned: [VISITOR_COOKIE],
    example: "0123456789abcdef0123456789abcdef",
  },
  /** The web pixel's clientId, which the pixel leaves in storage (reference: shopify §4.3). */
  client_id: {
    vendor: "Shopify",
    names: "visitor",
    purpose: null,
    attribute: "__trk_cid",
    read: validClientId,
    example: "c7b3f99b-4d34-463b-835f-c879482a7750",
  },
  /** Signed by Shopify (app proxy, order webhook); what a page says of a customer is not looked at. */
  customer_id: {
    vendor: "Shopify",
    names: "customer",
    purpose: null,
    field: null,
    read: shaped(/^\d{1,20}$/, 20),
    example: "7016459804731",
  },
  /** With or without Meta's appendix (reference: meta §5). */
  fbp: {
    vendor: "Meta",
    names: "browser",
    purpose: "marketing",
    cookies: ["_fbp"],
    attribute: "__trk_fbp",
    read: validFbp,
    returned: ["_fbp"],
    example: "fb.1.1773480000123.1098115397",
  },
  /** Only a new click makes a new one; one made of the same click is kept (reference: meta §5). */
  fbc: {
    vendor: "Meta",
    names: "click",
    purpose: "marketing",
    cookies: ["_fbc"],
    parameters: ["fbclid"],
    made: true,
    attribute: "__trk_fbc",
    read: validFbc,
    returned: ["_fbc"],
    example: "fb.1.1773480001456.IwAR2F4-dbP0l7Mn1IawQQGCINEz7PYXQvwjNwB_qa2ofrHyiLjcbCRxTDMgk",
  },
  /** (reference: tiktok §5) */
  ttp: {
    vendor: "TikTok",
    names: "browser",
    purpose: "marketing",
    cookies: ["_ttp"],
    attribute: "__trk_ttp",
    read: shaped(/^[A-Za-z0-9._~-]+$/, 256),
    returned: ["_ttp"],
    example: "2MifKFvqOmXqHUtGfSpQJqZKnXJ",
  },
  /** No published grammar (reference: tiktok §5). */
  ttclid: {
    vendor: "TikTok",
    names: "click",
    purpose: "marketing",
    parameters: ["ttclid"],
    attribute: "__trk_ttclid",
    read: validClickId,
    returned: [CLICKS_COOKIE],
    example: "E.C.P.demoTikTokClickIdNotReal",
  },
  /** Case counts; a click in the address wins over the cookie (reference: pinterest §5, §11). */
  epik: {
    vendor: "Pinterest",
    names: "click",
    purpose: "marketing",
    cookies: ["_epik"],
    parameters: ["epik"],
    attribute: "__trk_epik",
    othersAttributes: ["_epik"],
    read: validClickId,
    returned: [CLICKS_COOKIE, "_epik"],
    example: "dj0yJnU9demoNotReal",
  },
  /** (reference: pinterest §5, §11) */
  pin_unauth: {
    vendor: "Pinterest",
    names: "browser",
    purpose: "marketing",
    cookies: ["_pin_unauth"],
    attribute: "__trk_pin_unauth",
    othersAttributes: ["_pin_unauth"],
    read: cookieValue(1024),
    example: "dWlkPWRlbW9Ob3RSZWFs",
  },
  /** A UUID until 2023, base64url since; both are about (reference: snapchat §5, §11). */
  scid: {
    vendor: "Snapchat",
    names: "browser",
    purpose: "marketing",
    cookies: ["_scid"],
    attribute: "__trk_scid",
    othersAttributes: ["_scid"],
    read: shaped(/^[A-Za-z0-9_-]{16,}$/, 64),
    returned: ["_scid"],
    example: "uX7demoScid_NotReal-32characters",
  },
  /** Seen in any case; `_scclid` is what other servers' tags make of it (reference: snapchat §5, §11). */
  sc_click_id: {
    vendor: "Snapchat",
    names: "click",
    purpose: "marketing",
    cookies: ["_scclid"],
    parameters: ["ScCid"],
    anyCase: true,
    attribute: "__trk_sccid",
    othersAttributes: ["_scclid"],
    read: validClickId,
    returned: [CLICKS_COOKIE],
    example: "AbC-123",
  },
  /** A time and a UUID in every capture; no published grammar (reference: reddit §5). */
  rdt_uuid: {
    vendor: "Reddit",
    names: "browser",
    purpose: "marketing",
    cookies: ["_rdt_uuid"],
    attribute: "__trk_rdt_uuid",
    read: shaped(/^[A-Za-z0-9.-]+$/, 100),
    example: "1773480000123.7f6e5d4c-3b2a-4190-8f7e-6d5c4b3a2910",
  },
  /** Digits in every sample; no published grammar (reference: reddit §5). */
  rdt_cid: {
    vendor: "Reddit",
    names: "click",
    purpose: "marketing",
    cookies: ["_rdt_cid"],
    parameters: ["rdt_cid"],
    attribute: "__trk_rdt_cid",
    read: shaped(/^[A-Za-z0-9_-]+$/, 200),
    example: "3184742045291813272",
  },
  /** "a.b", from the whole `_ga` cookie (reference: google §5). */
  ga_client_id: {
    vendor: "Google Analytics",
    names: "browser",
    purpose: "analytics",
    field: "ga",
    cookies: ["_ga"],
    attribute: "__trk_ga",
    read: gaClientId,
    returned: ["_ga"],
    example: "1234567890.1747132561",
  },
  /** Digits, from the cookie of a stream, whose id ends its name (reference: google §5). */
  ga_session_id: {
    vendor: "Google Analytics",
    names: "visit",
    purpose: "analytics",
    field: "ga_session",
    cookies: ["_ga_*"],
    attribute: "__trk_gs",
    read: gaSessionId,
    example: "1747132655",
  },
  // Google's ids of a click. Its own cookies of them (`_gcl_aw`, `_gcl_ag`, `_gcl_gb`) have no confirmed form and are not
  // read (reference: more-destinations §1)
  gclid: {
    vendor: "Google Ads",
    names: "click",
    purpose: "marketing",
    parameters: ["gclid"],
    attribute: "__trk_gclid",
    read: googleClickId,
    returned: [CLICKS_COOKIE],
    example: "Cj0KCQiA-demo_NotReal",
  },
  /** A click from a web page where no person is named: iOS. */
  gbraid: {
    vendor: "Google Ads",
    names: "click",
    purpose: "marketing",
    parameters: ["gbraid"],
    attribute: "__trk_gbraid",
    read: googleClickId,
    returned: [CLICKS_COOKIE],
    example: "0AAAAADemoGbraid_NotReal",
  },
  wbraid: {
    vendor: "Google Ads",
    names: "click",
    purpose: "marketing",
    parameters: ["wbraid"],
    attribute: "__trk_wbraid",
    read: googleClickId,
    returned: [CLICKS_COOKIE],
    example: "CjkKCQjwDemoWbraid-NotReal",
  },
  dclid: {
    vendor: "Google Ads",
    names: "click",
    purpose: "marketing",
    parameters: ["dclid"],
    attribute: "__trk_dclid",
    read: googleClickId,
    returned: [CLICKS_COOKIE],
    example: "CN6demo_Dclid-NotReal",
  },
  /** Its tag's cookie says `_uet` before the value (reference: more-destinations §4). */
  msclkid: {
    vendor: "Microsoft",
    names: "click",
    purpose: "marketing",
    cookies: ["_uetmsclkid"],
    parameters: ["msclkid"],
    attribute: "__trk_msclkid",
    read: (value) => validClickId(typeof value === "string" ? value.replace(/^_uet/, "") : value),
    returned: [CLICKS_COOKIE],
    example: "6Fd3c1B2demoMsclkidNotReal",
  },
  /** A UUID; kept as it is written, with hyphens or without (reference: more-destinations §4). */
  uetvid: {
    vendor: "Microsoft",
    names: "browser",
    purpose: "marketing",
    cookies: ["_uetvid"],
    attribute: "__trk_uetvid",
    read: shaped(/^[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i, 36),
    example: "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
  },
  /** Which of its profiles followed a link of its mails (reference: more-destinations §2). */
  kx: {
    vendor: "Klaviyo",
    names: "click",
    purpose: "marketing",
    parameters: ["_kx"],
    attribute: "__trk_kx",
    read: validClickId,
    returned: [CLICKS_COOKIE],
    example: "Qz8demoKlaviyo_NotReal.AbC123",
  },
  // AppLovin's ids and the cookies its pixel keeps them in (reference: more-destinations §3)
  aleid: {
    vendor: "Axon",
    names: "click",
    purpose: "marketing",
    cookies: ["_axeid"],
    parameters: ["aleid"],
    attribute: "__trk_aleid",
    read: validClickId,
    returned: [CLICKS_COOKIE],
    example: "8D1demoAleid-NotReal",
  },
  alart: {
    vendor: "Axon",
    names: "click",
    purpose: "marketing",
    cookies: ["_axart"],
    parameters: ["alart"],
    attribute: "__trk_alart",
    read: validClickId,
    returned: [CLICKS_COOKIE],
    example: "4F2demoAlart-NotReal",
  },
  axwrt: {
    vendor: "Axon",
    names: "browser",
    purpose: "marketing",
    cookies: ["_axwrt"],
    attribute: "__trk_axwrt",
    read: cookieValue(1024),
    example: "3C9demoAxwrt-NotReal",
  },
  /** Opaque, not to be decoded. `__obref` is only told by others (reference: more-destinations §5). */
  oppref: {
    vendor: "OpenAI",
    names: "click",
    purpose: "marketing",
    cookies: ["__oppref"],
    parameters: ["oppref"],
    attribute: "__trk_oppref",
    read: validClickId,
    returned: [CLICKS_COOKIE],
    example: "opp_demoOpprefNotReal",
  },
});

type Rows = typeof IDENTIFIERS;
export type IdentifierName = keyof Rows;
/** Those a browser gets back. */
export type ReturnedName = {
  [N in IdentifierName]: Rows[N] extends { returned: unknown } ? N : never;
}[IdentifierName];
/** What browsers call them. */
export type BrowserField = Exclude<
  { [N in IdentifierName]: Rows[N] extends { field: infer F } ? F : N }[IdentifierName],
  null
>;

/** A row with its name, and with what it leaves out. */
export interface NamedIdentifier
  extends Required<Omit<Identifier, "field" | "anyCase" | "made" | "attribute">> {
  name: IdentifierName;
  field: BrowserField | null;
  anyCase: boolean;
  made: boolean;
  attribute: string | null;
}

/** The table, in its order. */
export const IDENTIFIER_LIST: readonly NamedIdentifier[] = Object.entries<Identifier>(IDENTIFIERS).map((
  [name, row],
) => ({
  cookies: [],
  parameters: [],
  othersAttributes: [],
  returned: [],
  ...row,
  name: name as IdentifierName,
  field: (row.field === undefined ? name : row.field) as BrowserField | null,
  anyCase: row.anyCase ?? false,
  made: row.made ?? false,
  attribute: row.attribute ?? null,
}));

export const RETURNED_NAMES = IDENTIFIER_LIST.filter(({ returned }) => returned.length > 0)
  .map(({ name }) => name as ReturnedName);
