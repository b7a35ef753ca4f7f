/**
 * The storefront script of the theme app embed. It reads what the theme's data block says of the page, watches the cart, and hands both
 * to the courier. It sends nothing before the page has loaded and nothing the visitor has not allowed. One global: `trakit`.
 */
import { courier } from "../shared/courier.ts";
import { ATTRIBUTES } from "../shared/identifiers.ts";
import {
  type Config,
  type Consent,
  consentText,
  type StoreEvent,
  type TagReport,
  type Visitor,
} from "../shared/types.ts";
import { type AjaxCart, watchCart } from "./cart.ts";
import { cookies, forgetIds, knownVisitor, local, moment, restore, storedKeys, tab } from "./device.ts";
import { globalOf, ofDocument } from "./page.ts";
import { currentConsent, gpc, region, root, watchConsent } from "./privacy.ts";

/** What `blocks/trakit.liquid` prints. */
interface PageData {
  /**
   * The merchant's setting: a path of the app proxy or of their own route, or a whole address. `*` stands for what is asked, `?key=…`
   * follows where Shopify does not sign.
   */
  address: string;
  cart: AjaxCart;
  events: [name: string, data: Record<string, unknown>][];
}

/** `window.trakit`. */
export interface Namespace {
  /** What was captured on this page. The tag bridge takes its place, to see each event before it is sent. */
  seen?: StoreEvent[] | { push(event: StoreEvent): void };
  rules?: Config["tags"];
  /** Tells the server which tags had an event, signed by the session that sent it. */
  tell?: (reports: TagReport[]) => Promise<unknown>;
}

const QUEUE = "_tk_q";
const TAGS = "fbq ttq pintrk snaptr gtag".split(" ");
/** A turn for the page between two pieces of work; a page that is leaving has none. */
const rest = () => ofDocument("hidden") ? undefined : moment();

function start(shared: Namespace, { address, cart, events }: PageData): void {
  let consent: Consent | null = null;
  let written: string | null | undefined;
  let domain: string | null;
  let token: string | undefined;
  let loaded = false;
  let fresh = (performance.getEntriesByType("navigation")[0] as { type?: string })?.type !== "back_forward";
  const allowed = () => consent && (consent.analytics || consent.marketing) ? consent : null;
  // before the cart is watched: our own requests are none of the theme's
  const fetch = self.fetch.bind(self);

  const carry = courier({
    subtle: crypto.subtle,
    // wherever the page's text (`<base>`) says that relative addresses lead
    address: address = new URL(address, location.origin).href,
    fetch,
    rest,
    consent: () => loaded ? allowed() : null,
    who: () => ({ visitor: knownVisitor(consent!), url: location.href, region: region(), gpc: gpc() }),
    saved: () => storedKeys("localStorage", QUEUE).map((key) => local(key)!),
    save: (id, text) => void local(id === "s" ? "_tk_s" : QUEUE + id, text),
    savedSession: () => local("_tk_s"),
    received({ cookies, config }, answer) {
      domain = config.cookie_domain;
      restore(cookies, !!answer);
      if (answer?.visitor_proof) {
        // where cookies go and storage stays, the visitor is known still
        local("_tk_v", answer.visitor!.visitor_id);
        local("_tk_p", answer.visitor_proof);
      }
      writeAttributes();
      if (shared.rules) return;
      shared.rules = config.tags ?? {};
      shared.tell = carry.tell;
      // the bridge is worth a request only where a tag is on the page
      if (!TAGS.some(globalOf)) return;
      me.after(
        Object.assign(ofDocument("createElement").call(document, "script"), {
          src: address.replace("*", "link.js"),
        }),
      );
    },
  });

  function capture(name: string, data: Record<string, unknown>): void {
    const event: StoreEvent = {
      name,
      id: crypto.randomUUID(),
      timestamp: Date.now(),
      page: { url: location.href, referrer: ofDocument("referrer"), title: ofDocument("title") },
      data,
    };
    shared.seen!.push(event);
    carry.add(event);
  }

  /** Without the key Shopify appends to it. `unescape` is the decoder that throws at nothing. */
  const cartToken = () => (token ?? unescape(cookies().cart ?? "")).split("?")[0];

  /** Identifiers and consent as the order webhook reads them; undefined while there is nothing to say or all is written. */
  function toWrite(): string | undefined {
    if (!consent) return;
    const known = {
      __proto__: null,
      ...allowed() && knownVisitor(consent),
      consent: consentText(consent),
      region: region(),
    } as Visitor;
    const text = `${new URLSearchParams(
      `consent region ${ATTRIBUTES}`.split(" ").map((pair) => {
        const [name, field = name] = pair.split("=") as [string, string?];
        return [`attributes[__trk_${name}]`, `${known[field] ?? ""}`];
      }),
    )}`;
    if (cartToken() + text !== (written ??= tab("_tk_a"))) return text;
  }

  /** Reads the cart, by way of writing into it what is missing there. */
  async function read(): Promise<AjaxCart> {
    const text = toWrite();
    const response = await fetch(`${root()}cart${text ? "/update" : ""}.js`, {
      ...text && { method: "POST", body: new URLSearchParams(text) },
      keepalive: true,
    });
    // ids as text: one too long for a number would be rounded. Inside a text a quote is escaped, so no text is touched
    const now: AjaxCart = JSON.parse((await response.text()).replace(/(_id":)(\d+)/g, '$1"$2"'));
    token = `${now.token ?? ""}`;
    if (text && allowed()) tab("_tk_a", written = cartToken() + text);
    return now;
  }

  /** Only into a cart that exists. */
  const writeAttributes = () => {
    if (cartToken() && toWrite()) read().catch(() => {});
  };

  /** @param said the visitor has just decided, and did not only arrive */
  async function decided(said?: unknown): Promise<void> {
    const before = allowed();
    consent = currentConsent();
    if (!consent) return;
    const { analytics, marketing } = consent;
    // who has not decided yet may still say yes to this page
    if (said && (!allowed() || before?.analytics! > analytics || before?.marketing! > marketing)) {
      // what consent no longer covers goes from the device, and the server is told once to let it go too
      const { visitor_id, proof } = knownVisitor(consent);
      carry.forget();
      if (visitor_id) void carry.post("session", { visitor: { visitor_id, proof }, consent }, true);
      forgetIds(consent, domain);
    }
    // tells the web pixel that this page is taken care of
    if (allowed()) tab("_tk_h", location.pathname);
    if (!loaded) return;
    // once; and an old page shows an old cart
    if (fresh && allowed()) {
      fresh = false;
      await rest();
      compare();
    }
    await rest();
    // a browser that knows nothing of its visitor waits a little for the pixel, which may know it by the platform's own id
    for (let turn = 9; marketing && turn-- && !cookies()._tk_v && !local("_tk_i");) await moment(99);
    await carry.adopt();
    await rest();
    await carry.flush();
    writeAttributes();
  }

  const compare = watchCart({
    cart,
    changed: (name, line) => capture(name, { cartLine: line, cart: { id: cartToken() } }),
    mayStore: () => !!allowed(),
    read,
  });
  watchConsent(decided);
  /** Comes after `load`, and again when the page returns from the back-forward cache: then it is seen again. */
  const shown = async ({ persisted }: { persisted?: boolean }) => {
    if (loaded && !persisted) return;
    await rest();
    capture("page_viewed", {});
    for (const [name, data] of events) capture(name, data);
    await rest();
    loaded = true;
    void decided();
  };
  addEventListener("pageshow", shown);
  if (ofDocument("readyState") === "complete") void shown({});
  addEventListener("online", carry.flush);
  // the last chance: what is signed leaves at once
  addEventListener("visibilitychange", carry.flush, true);
  // checkout is no theme page: the web pixel takes along what is left
  addEventListener("pagehide", () => tab("_tk_u", storedKeys("localStorage", QUEUE).join()));
}

// known while a script runs for the first time, and only for one that is no module
const me = ofDocument("currentScript") as HTMLScriptElement;
const block = me?.previousElementSibling;
if (
  block?.matches("script[type$=json]") && crypto.subtle && !(globalOf("trakit") as Namespace)?.seen
) {
  const shared: Namespace = { seen: [] };
  (self as { trakit?: Namespace }).trakit = shared;
  const run = () => start(shared, JSON.parse(block.textContent!));
  // a page the browser only prepares has not been seen
  if (ofDocument("prerendering" as never)) addEventListener("prerenderingchange", run, true);
  else void moment().then(run);
}
