/**
 * Stands in for TrakIt's storefront script in the demo theme: turns what the visitor does into events in the shape of
 * Shopify's web pixel and posts them to the app proxy. Without consent it stores nothing and sends nothing.
 */
(() => {
  "use strict";

  const script = document.currentScript;
  const ENDPOINT = `${(script && script.dataset.proxy) || "/apps/trakit"}/event`;
  const CONSENT_COOKIE = "_shop_consent";
  const VISITOR_COOKIE = "_shop_v";
  const CLICKS_COOKIE = "_shop_clicks";
  const MADE_HERE = [VISITOR_COOKIE, CLICKS_COOKIE, "_fbp", "_fbc"];
  const LOG_KEY = "_shop_sent";
  /** 400 days, the most a browser grants. */
  const COOKIE_SECONDS = 34560000;
  const PURPOSES = [["a", "analytics"], ["m", "marketing"], ["p", "preferences"], ["s", "sale_of_data"]];

  const dataBlock = document.getElementById("shop-data");
  const page = dataBlock === null
    ? { shop: "", page_view: true, events: [], variants: {} }
    : JSON.parse(dataBlock.textContent);

  // --- cookies -------------------------------------------------------------------------------------------------

  function cookies() {
    const found = {};
    for (const pair of document.cookie.split("; ")) {
      const at = pair.indexOf("=");
      if (at > 0) found[pair.slice(0, at)] = pair.slice(at + 1);
    }
    return found;
  }

  function setCookie(name, value, seconds) {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${value}; Path=/; Max-Age=${seconds}; SameSite=Lax${secure}`;
  }

  // --- consent -------------------------------------------------------------------------------------------------

  function readConsent() {
    const text = cookies()[CONSENT_COOKIE] || "";
    if (!/^a[01]m[01]p[01]s[01]$/.test(text)) return null;
    return Object.fromEntries(
      PURPOSES.map(([letter, purpose]) => [purpose, text[text.indexOf(letter) + 1] === "1"]),
    );
  }

  function consentText(given) {
    return PURPOSES.map(([letter, purpose]) => `${letter}${given[purpose] ? 1 : 0}`).join("");
  }

  let consent = readConsent();
  const mayMeasure = () => consent !== null && (consent.analytics || consent.marketing);

  // --- visitor -------------------------------------------------------------------------------------------------

  function randomHex(bytes) {
    return Array.from(
      crypto.getRandomValues(new Uint8Array(bytes)),
      (byte) => byte.toString(16).padStart(2, "0"),
    ).join("");
  }

  /** Ten digits without leading zero, as Meta's own script makes them. */
  function randomNumber() {
    return String(1000000000 + crypto.getRandomValues(new Uint32Array(1))[0]);
  }

  /** A click id exactly as it stands in the address: "+" is not a blank there. */
  function fromAddress(name) {
    for (const pair of location.search.slice(1).split("&")) {
      const at = pair.indexOf("=");
      if (at < 1 || pair.slice(0, at).toLowerCase() !== name.toLowerCase()) continue;
      try {
        return decodeURIComponent(pair.slice(at + 1));
      } catch (_) {
        return pair.slice(at + 1);
      }
    }
    return "";
  }

  function storedClicks(jar) {
    try {
      const clicks = JSON.parse(decodeURIComponent(jar[CLICKS_COOKIE] || "{}"));
      return clicks !== null && typeof clicks === "object" ? clicks : {};
    } catch (_) {
      return {};
    }
  }

  /** Click ids of this visit and earlier ones; a new click replaces an older one of its kind. */
  function rememberClicks(jar) {
    const clicks = storedClicks(jar);
    let changed = false;
    const keep = (field, value) => {
      if (value === "" || clicks[field] === value) return false;
      clicks[field] = value;
      changed = true;
      return true;
    };
    keep("ttclid", fromAddress("ttclid"));
    keep("epik", fromAddress("epik"));
    keep("sc_click_id", fromAddress("ScCid"));
    keep("gclid", fromAddress("gclid"));
    if (keep("fbclid", fromAddress("fbclid"))) clicks.fbclid_at = Date.now();
    if (changed) setCookie(CLICKS_COOKIE, encodeURIComponent(JSON.stringify(clicks)), COOKIE_SECONDS);
    return clicks;
  }

  /** Everything known of this visitor, as far as consent goes; every visit renews the cookies. null without consent. */
  function visitor() {
    if (!mayMeasure()) return null;
    const jar = cookies();
    const known = /^[0-9a-f]{32}$/.test(jar[VISITOR_COOKIE] || "") ? jar[VISITOR_COOKIE] : randomHex(16);
    setCookie(VISITOR_COOKIE, known, COOKIE_SECONDS);
    const found = {
      visitor_id: known,
      fbp: null,
      fbc: null,
      ttp: null,
      ttclid: null,
      epik: null,
      scid: null,
      sc_click_id: null,
      ga: null,
      ga_session: null,
      gclid: null,
      fbclid: null,
      fbclid_at: null,
    };
    if (consent.analytics) {
      found.ga = jar._ga || null;
      const session = Object.keys(jar).find((name) => /^_ga_[A-Z0-9]+$/.test(name));
      found.ga_session = session === undefined ? null : jar[session];
    }
    if (!consent.marketing) return found;

    const clicks = rememberClicks(jar);
    found.fbp = jar._fbp || `fb.1.${Date.now()}.${randomNumber()}`;
    setCookie("_fbp", found.fbp, COOKIE_SECONDS);
    found.fbc = jar._fbc || null;
    if (clicks.fbclid && (found.fbc === null || found.fbc.split(".").slice(3).join(".") !== clicks.fbclid)) {
      found.fbc = `fb.1.${clicks.fbclid_at}.${clicks.fbclid}`;
    }
    if (found.fbc !== null) setCookie("_fbc", found.fbc, COOKIE_SECONDS);
    found.ttp = jar._ttp || null;
    found.ttclid = clicks.ttclid || jar.ttclid || null;
    found.epik = clicks.epik || jar._epik || null;
    found.scid = jar._scid || null;
    found.sc_click_id = clicks.sc_click_id || null;
    found.gclid = clicks.gclid || null;
    found.fbclid = clicks.fbclid || null;
    found.fbclid_at = clicks.fbclid_at || null;
    return found;
  }

  // --- events --------------------------------------------------------------------------------------------------

  let waiting = [];

  /** The id both copies of a conversion carry; the server computes the same from the order. */
  async function sharedId(name, key) {
    const bytes = new TextEncoder().encode(`trakit/1|${page.shop.toLowerCase()}|${name}|${key}`);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 32);
  }

  async function record(name, data, key) {
    const event = {
      name,
      id: "",
      timestamp: new Date().toISOString(),
      page: { url: location.href, referrer: document.referrer, title: document.title },
      data,
    };
    event.id = key === undefined ? randomHex(16) : await sharedId(name, key);
    waiting.push(event);
    return event;
  }

  async function flush() {
    if (!mayMeasure() || waiting.length === 0) return;
    const events = waiting;
    waiting = [];
    const entry = { at: new Date().toISOString(), events, status: null, answer: null };
    note(entry);
    try {
      const answer = await fetch(ENDPOINT, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          events,
          visitor: visitor(),
          consent,
          user_agent: navigator.userAgent,
          language: navigator.language,
        }),
        keepalive: true,
      });
      entry.status = answer.status;
      const text = await answer.text();
      try {
        entry.answer = JSON.parse(text);
      } catch (_) {
        entry.answer = text.slice(0, 300);
      }
    } catch (_) {
      entry.answer = "No answer: the app proxy could not be reached.";
    }
    note(null);
  }

  // --- cart attributes -----------------------------------------------------------------------------------------

  /** Puts the identifiers where the order webhook finds them. A refusal is put there too, and nothing else. */
  async function writeAttributes() {
    if (consent === null) return;
    const known = visitor() || {};
    const attributes = {
      __trk_vid: known.visitor_id || "",
      __trk_fbp: known.fbp || "",
      __trk_fbc: known.fbc || "",
      __trk_ttclid: known.ttclid || "",
      __trk_ttp: known.ttp || "",
      __trk_scid: known.scid || "",
      __trk_epik: known.epik || "",
      __trk_gclid: known.gclid || "",
      __trk_consent: consentText(consent),
    };
    await fetch("/cart/update.js", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ attributes }),
      keepalive: true,
    });
  }

  // --- panel: what was sent ------------------------------------------------------------------------------------

  let log = [];
  let list = null;

  function loadLog() {
    if (!mayMeasure()) return;
    try {
      const kept = JSON.parse(sessionStorage.getItem(LOG_KEY) || "[]");
      if (Array.isArray(kept)) log = kept;
    } catch (_) {
      log = [];
    }
  }

  function note(entry) {
    if (entry !== null) log = [entry, ...log].slice(0, 15);
    try {
      if (mayMeasure()) sessionStorage.setItem(LOG_KEY, JSON.stringify(log));
    } catch (_) {
      // A full or forbidden storage only shortens the panel.
    }
    drawLog();
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className !== "") made.className = className;
    if (text !== "") made.textContent = text;
    return made;
  }

  function drawLog() {
    if (list === null) return;
    list.textContent = "";
    if (log.length === 0) {
      const why = consent === null
        ? "Nothing: the visitor has not decided yet."
        : mayMeasure()
        ? "Nothing yet."
        : "Nothing: the visitor declined.";
      list.appendChild(element("li", "empty", why));
    }
    for (const entry of log) {
      const item = element("li", "", "");
      const details = element("details", "", "");
      const summary = element("summary", "", entry.events.map((event) => event.name).join(" · "));
      const status = entry.status === null ? (entry.answer === null ? "…" : "failed") : String(entry.status);
      summary.appendChild(
        element("span", entry.status !== null && entry.status < 300 ? "ok" : "bad", status),
      );
      details.appendChild(summary);
      details.appendChild(element("h3", "", "Sent"));
      details.appendChild(element("pre", "", JSON.stringify(entry.events, null, 2)));
      details.appendChild(element("h3", "", "Answer"));
      details.appendChild(element("pre", "", JSON.stringify(entry.answer, null, 2)));
      item.appendChild(details);
      list.appendChild(item);
    }
  }

  function buildPanel() {
    const toggle = element("button", "sent-toggle", "What was sent");
    toggle.type = "button";
    toggle.setAttribute("aria-expanded", "false");
    toggle.setAttribute("aria-controls", "sent-panel");
    const panel = element("section", "sent-panel", "");
    panel.id = "sent-panel";
    panel.setAttribute("aria-label", "What was sent to TrakIt");
    panel.hidden = true;
    panel.appendChild(element("h2", "", "Sent to TrakIt"));
    panel.appendChild(element("p", "hint", `POST ${ENDPOINT}`));
    list = element("ul", "", "");
    panel.appendChild(list);
    toggle.addEventListener("click", () => {
      panel.hidden = !panel.hidden;
      toggle.setAttribute("aria-expanded", String(!panel.hidden));
    });
    document.body.appendChild(panel);
    document.body.appendChild(toggle);
    drawLog();
  }

  // --- banner --------------------------------------------------------------------------------------------------

  function decide(choice) {
    const accepted = choice === "accept";
    consent = {
      analytics: accepted || choice === "analytics",
      marketing: accepted,
      preferences: accepted,
      // A browser that sends Global Privacy Control has already said no to this one.
      sale_of_data: accepted && navigator.globalPrivacyControl !== true,
    };
    // The decision itself must be kept, or we would ask on every page.
    setCookie(CONSENT_COOKIE, consentText(consent), COOKIE_SECONDS);
    if (!consent.marketing) {
      for (const name of MADE_HERE) if (name !== VISITOR_COOKIE) setCookie(name, "", 0);
    }
    if (!mayMeasure()) {
      setCookie(VISITOR_COOKIE, "", 0);
      waiting = [];
      log = [];
      sessionStorage.removeItem(LOG_KEY);
    }
    const banner = document.getElementById("consent");
    if (banner !== null) banner.hidden = true;
    drawLog();
    // Only a cart that exists needs to know; "shop:before-checkout" tells a later one.
    if (cookies().cart) writeAttributes().catch(() => {});
    flush();
  }

  function wireBanner() {
    const banner = document.getElementById("consent");
    if (banner === null) return;
    if (consent === null) banner.hidden = false;
    for (const button of Array.from(document.querySelectorAll("[data-consent]"))) {
      button.addEventListener("click", () => decide(button.dataset.consent));
    }
    for (const button of Array.from(document.querySelectorAll("[data-consent-open]"))) {
      button.addEventListener("click", () => {
        banner.hidden = false;
        const first = banner.querySelector("button");
        if (first !== null) first.focus();
      });
    }
  }

  // --- start ---------------------------------------------------------------------------------------------------

  document.addEventListener("shop:cart-added", (event) => {
    const { variantId, quantity, waitUntil } = event.detail;
    const merchandise = page.variants[variantId];
    if (merchandise === undefined) return;
    const cents = Math.round(merchandise.price.amount * 100) * quantity;
    const cost = { totalAmount: { amount: cents / 100, currencyCode: merchandise.price.currencyCode } };
    waitUntil(
      record("product_added_to_cart", { cartLine: { cost, merchandise, quantity } }).then(flush),
    );
    waitUntil(writeAttributes());
  });
  // The checkout copies the attributes when it opens: later is too late.
  document.addEventListener("shop:before-checkout", (event) => event.detail.waitUntil(writeAttributes()));

  async function start() {
    loadLog();
    wireBanner();
    buildPanel();
    if (page.page_view) await record("page_viewed", {});
    for (const event of page.events) await record(event.name, event.data, event.key);
    await flush();
    if (location.pathname === "/cart") await writeAttributes();
  }

  start().catch(() => {});
})();
