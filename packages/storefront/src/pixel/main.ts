/**
 * The web pixel: everything at checkout, where the theme's script cannot be, and the storefront where the theme embed is off. On a page
 * the embed has taken care of, it takes nothing (docs/storefront.md).
 */
import { courier } from "../shared/courier.ts";
import { hex, sha256, type Subtle } from "../shared/token.ts";
import { type Consent, consentText, type StoreEvent, type Visitor } from "../shared/types.ts";
import { cookiesIn, IDENTIFIER, visitorIn } from "../shared/visitor.ts";
import type { PixelApi, PixelConsent, PixelEvent } from "./api.ts";
import { leadOf } from "./lead.ts";
import { pureSubtle } from "./pure-subtle.ts";

/** Storefront events the theme's script captures too. */
const SHARED = [
  "page_viewed",
  "product_viewed",
  "collection_viewed",
  "search_submitted",
  "product_added_to_cart",
  "product_removed_from_cart",
  "cart_viewed",
];
const CHECKOUT = [
  "checkout_started",
  "checkout_contact_info_submitted",
  "checkout_address_info_submitted",
  "checkout_shipping_info_submitted",
  "payment_info_submitted",
  "checkout_completed",
];
/** Both copies of these have one id, made of the checkout's token. */
const CONVERSIONS = ["checkout_started", "checkout_completed"];
/** And of this, made of the address somebody registered with. */
const REGISTERED = "customer_registered";
/** When to look whether the theme's script has this page; it may load later than we do. */
const LOOKS_MS = [0, 400, 1000, 1600];
const SAVED = "_tk_x";
const UNDECIDED = "_tk_y";
/** Keys of what the theme's script keeps, and the list of them it leaves for us. */
const THEMES = "_tk_q";
const LEFT = "_tk_u";

/** The browser says no to the sale of data for its visitor (Global Privacy Control). */
const gpc = () =>
  (globalThis.navigator as { globalPrivacyControl?: boolean } | undefined)?.globalPrivacyControl;

const consentOf = (given: PixelConsent | undefined): Consent | null =>
  given
    ? {
      analytics: given.analyticsProcessingAllowed,
      marketing: given.marketingAllowed,
      preferences: given.preferencesProcessingAllowed,
      sale_of_data: given.saleOfDataAllowed && !gpc(),
    }
    : null;

/** Of an item saved in storage; undefined where others wrote. */
function idIn(saved: unknown): string | undefined {
  try {
    return (JSON.parse(`${saved}`) as { event: StoreEvent }).event.id;
  } catch {
    return undefined;
  }
}

/** Has somebody typed who they are? Such an event is sent but not stored on the device. */
function personal(data: Record<string, unknown>): boolean {
  const checkout = data.checkout as Record<string, unknown> | undefined;
  return "customer" in data ||
    !!(checkout && (checkout.email || checkout.phone || checkout.smsMarketingPhone));
}

export async function run({ analytics, browser, settings, init, customerPrivacy }: PixelApi): Promise<void> {
  const { endpoint, key } = settings;
  if (!endpoint || !key) return;
  const subtle: Subtle = globalThis.crypto?.subtle ?? pureSubtle;
  const shop = (init.data?.shop?.myshopifyDomain ?? "").toLowerCase();
  let consent = consentOf(init.customerPrivacy);
  let visitor: Visitor = {};
  let clientId: string | undefined;
  let url: string | undefined;
  const allowed = () => consent && (consent.analytics || consent.marketing) ? consent : null;
  const quietly = <T>(work: Promise<T>): Promise<T | null> => work.catch(() => null);

  // --- this tab's queue: one text, because the sandbox cannot list keys ---------------------------------------
  const queue = new Map<string, string>();
  const secret = new Set<string>();
  const writeQueue = () =>
    void quietly(
      queue.size
        ? browser.sessionStorage.setItem(SAVED, JSON.stringify([...queue.values()]))
        : browser.sessionStorage.removeItem(SAVED),
    );
  const list = async (name: string): Promise<unknown[]> => {
    try {
      const found = JSON.parse(await browser.sessionStorage.getItem(name) ?? "[]");
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  };

  const writeLocal = (key: string, text: string | null) =>
    quietly(text ? browser.localStorage.setItem(key, text) : browser.localStorage.removeItem(key));
  const stored = (key: string) => quietly(browser.localStorage.getItem(key));

  // --- what the theme's script had not sent when its page went: no page of checkout is the theme's --------------
  const left = new Set<string>();
  let checkout = false;
  async function leftByTheme(): Promise<string[]> {
    const texts: string[] = [];
    const keys = checkout ? await quietly(browser.sessionStorage.getItem(LEFT)) ?? "" : "";
    for (const key of keys.split(",")) {
      const text = key.startsWith(THEMES) ? await stored(key) : null;
      if (!text) continue;
      left.add(key.slice(THEMES.length));
      texts.push(text);
    }
    return texts;
  }

  const carry = courier({
    subtle,
    address: `${endpoint}/*?key=${key}`,
    fetch: (input, init) => fetch(input, init),
    consent: allowed,
    who: () => ({
      visitor: { ...visitor, client_id: clientId },
      // nor does the sandbox tell the region; whom it lets the pixel run for has decided
      region: undefined,
      gpc: gpc(),
      ...url && { url },
    }),
    async saved() {
      for (const text of await list(SAVED)) {
        const id = idIn(text);
        if (id) queue.set(id, `${text}`);
      }
      return [...queue.values(), ...await leftByTheme()];
    },
    save(id, text) {
      if (id === "s") return void writeLocal("_tk_s", text);
      if (left.has(id)) return void writeLocal(THEMES + id, text);
      if (text === null) queue.delete(id);
      else if (!secret.has(id)) queue.set(id, text);
      writeQueue();
    },
    savedSession: () => stored("_tk_s"),
    rest() {},
    async received({ cookies: texts }, answer) {
      const jar = cookiesIn(await cookies());
      for (const text of texts) {
        const name = IDENTIFIER.exec(text)?.[1];
        if (name && (answer || name === "_tk_v" || !jar[name])) await quietly(browser.cookie.set(text));
      }
      if (answer?.visitor_proof) {
        await writeLocal("_tk_v", answer.visitor!.visitor_id!);
        await writeLocal("_tk_p", answer.visitor_proof);
      }
      await look();
    },
  });

  const cookies = async () => await quietly(browser.cookie.get()) ?? "";

  /** What is known of this visitor on the device, as far as consent goes. */
  async function look(): Promise<void> {
    if (!consent) return;
    const [text, id, proof] = [await cookies(), await stored("_tk_v"), await stored("_tk_p")];
    visitor = visitorIn(text, consent, id, proof);
  }

  async function capture(event: PixelEvent, name = event.name, data = event.data ?? {}): Promise<void> {
    const { document } = event.context ?? {};
    const email = (data.customer as { email?: string } | undefined)?.email;
    const token = name === REGISTERED
      ? email?.trim() && `email:${email.trim().toLowerCase()}`
      : (data.checkout as { token?: string } | undefined)?.token;
    let id = event.id;
    if (CONVERSIONS.includes(name) || (name === REGISTERED && token)) {
      if (!token || !shop) return;
      id = (await sha256(subtle, `trakit/1|${shop}|${name}|${token}`)).slice(0, 32);
    } else if (!/^[\w-]{8,64}$/.test(id)) {
      id = hex(crypto.getRandomValues(new Uint8Array(16)).buffer);
    }
    const cart = `${init.data?.cart?.id ?? ""}`.split("?")[0];
    const storeEvent: StoreEvent = {
      name,
      id,
      timestamp: Date.parse(event.timestamp) || Date.now(),
      page: {
        url: document?.location?.href ?? "",
        referrer: document?.referrer ?? "",
        title: document?.title ?? "",
      },
      data: name === "product_added_to_cart" && cart ? { ...data, cart: { id: cart } } : data,
    };
    if (event.clientId) storeEvent.clientId = event.clientId;
    if (personal(storeEvent.data)) secret.add(id);
    carry.add(storeEvent);
  }

  /** The theme's script names the page it has taken care of. */
  const embedHas = async (event: PixelEvent): Promise<boolean> =>
    await quietly(browser.sessionStorage.getItem("_tk_h")) === event.context?.document?.location?.pathname;

  const undecided: PixelEvent[] = [];
  const saveUndecided = () =>
    void quietly(
      undecided.length
        ? browser.sessionStorage.setItem(UNDECIDED, JSON.stringify(undecided))
        : browser.sessionStorage.removeItem(UNDECIDED),
    );

  async function seen(event: PixelEvent): Promise<void> {
    if (event.clientId && event.clientId !== clientId) {
      clientId = event.clientId;
      if (allowed()) void writeLocal("_tk_i", clientId);
    }
    url = event.context?.document?.location?.href ?? url;
    if (!allowed()) return;
    if (atCheckout(event) && !checkout) {
      checkout = true;
      await carry.adopt();
    }
    if (!SHARED.includes(event.name)) return await capture(event);
    // one that is not ours after all must not have been sent; one whose page goes before we know is kept for the next page
    undecided.push(event);
    saveUndecided();
    let theirs = false;
    for (const wait of atCheckout(event) ? [] : LOOKS_MS) {
      await new Promise((done) => setTimeout(done, wait));
      theirs = await embedHas(event);
      if (theirs) break;
    }
    undecided.splice(undecided.indexOf(event), 1);
    saveUndecided();
    if (!theirs && allowed()) await capture(event);
  }

  const started = (async () => {
    await look();
    const before = await list(UNDECIDED) as PixelEvent[];
    await quietly(browser.sessionStorage.removeItem(UNDECIDED));
    // the embed is on in this visit: then it had that page too
    const embed = await quietly(browser.sessionStorage.getItem("_tk_h"));
    if (!embed && allowed()) { for (const event of before) await capture(event).catch(() => {}); }
    await carry.adopt();
  })().catch(() => {});

  for (const name of [...SHARED, ...CHECKOUT]) {
    analytics.subscribe(name, (event) => void started.then(() => seen(event)).catch(() => {}));
  }
  analytics.subscribe("form_submitted", (event) => {
    const lead = leadOf(event.data, event.context?.document?.location?.href);
    if (lead) {
      void started.then(() => allowed() && capture(event, lead.name, { customer: lead.customer })).catch(
        () => {},
      );
    }
  });
  customerPrivacy?.subscribe("visitorConsentCollected", (event) => {
    const before = consent;
    consent = consentOf(event.customerPrivacy);
    if (before && consent && consentText(before) === consentText(consent)) return;
    if (allowed()) void look().then(() => queue.size ? carry.flush() : undefined);
    else {
      carry.forget();
      undecided.length = 0;
      for (const name of [SAVED, UNDECIDED]) void quietly(browser.sessionStorage.removeItem(name));
      for (const name of ["_tk_s", "_tk_i", "_tk_v", "_tk_p"]) void writeLocal(name, null);
    }
  });
  await started;
  // without an event of its own it opens no session: on the storefront the script does, and two at once would make two sets of ids
  if (queue.size) await carry.flush();
}

/** Where no theme can be. */
function atCheckout(event: PixelEvent): boolean {
  return /\/(checkouts?|thank[-_]you|orders)(\/|$)/.test(event.context?.document?.location?.pathname ?? "");
}
