/**
 * The demo shop's window into the script and the pixel: what this browser knows, what was captured, sent and answered, and why. It only
 * looks on: it reads `trakit.seen`, watches requests to the app proxy, and hears of the pixel's from its sandbox.
 */
(() => {
  "use strict";

  const data = JSON.parse(document.getElementById("shop-data").textContent);
  const LOG_KEY = "_shop_sent";
  const COOKIES = {
    _tk_v: "TrakIt visitor",
    _fbp: "Meta browser",
    _fbc: "Meta click",
    _ttp: "TikTok browser",
    _epik: "Pinterest click",
    _scid: "Snapchat browser",
    _ga: "Google Analytics",
    _tk_c: "Other clicks",
  };
  const WHY = {
    accepted: "Stored. On its way to every platform the visitor allows.",
    merged: "Joined with Shopify's own copy: one event, sent once.",
    duplicate: "Known already: counted once.",
  };
  const started = Date.now();
  let log = [];
  let lists = null;

  const allowed = () => {
    const api = globalThis.Shopify && globalThis.Shopify.customerPrivacy;
    return api !== undefined && (api.analyticsProcessingAllowed() || api.marketingAllowed());
  };

  function jar() {
    const found = {};
    for (const pair of document.cookie.split("; ")) {
      const at = pair.indexOf("=");
      if (at > 0) found[pair.slice(0, at)] = pair.slice(at + 1);
    }
    return found;
  }
  const before = jar();
  /** What "Forget my cookies" deleted in this tab: whoever has it again got it back. */
  const forgotten = JSON.parse(sessionStorage.getItem("_shop_forgotten") || "{}");

  // --- what was sent -------------------------------------------------------------------------------------------

  function parse(text) {
    try {
      return JSON.parse(text);
    } catch (_) {
      return null;
    }
  }

  function note(source, url, at, body, status, answerText) {
    const sent = parse(body) || {};
    const answer = parse(answerText) || {};
    const path = new URL(url, location.href).pathname.split("/").pop();
    const problem = answer.code || (status === null ? "no_answer" : status > 299 ? `http_${status}` : "");
    const entries = path === "session"
      ? [{
        name: "session",
        id: "",
        status: problem === "" ? "opened" : "failed",
        reason: problem,
        detail: { sent, answer },
      }]
      : (sent.events || []).map((event, index) => {
        const own = typeof event.body === "string" ? parse(event.body) : event;
        const result = (answer.results || [])[index] || {};
        return {
          name: own.name,
          id: result.event_id || own.id || "",
          status: result.status || "failed",
          reason: result.reason || problem,
          detail: { event: own, token: event.token, answer: result },
        };
      });
    log = [...entries.map((entry) => ({ ...entry, source, at })).reverse(), ...log].slice(0, 40);
    if (allowed()) {
      try {
        sessionStorage.setItem(LOG_KEY, JSON.stringify(log));
      } catch (_) {
        // a full or forbidden storage only shortens the panel
      }
    }
    draw();
  }

  const realFetch = fetch.bind(globalThis);
  globalThis.fetch = async (input, init) => {
    const url = typeof input === "string" ? input : input.url;
    const path = new URL(url, location.href).pathname;
    if (!path.startsWith(`${data.proxy}/`) || !init || init.method !== "POST") return realFetch(input, init);
    const at = new Date().toISOString();
    try {
      const response = await realFetch(input, init);
      response.clone().text().then((text) => note("script", url, at, init.body, response.status, text));
      return response;
    } catch (error) {
      note("script", url, at, init.body, null, "");
      throw error;
    }
  };
  document.addEventListener("shop:pixel-request", ({ detail }) => {
    note("pixel", detail.url, detail.at, detail.body, detail.status, detail.answer);
  });

  // --- drawing -------------------------------------------------------------------------------------------------

  function element(tag, className, ...content) {
    const made = document.createElement(tag);
    if (className !== "") made.className = className;
    made.append(...content);
    return made;
  }

  /** Where an identifier came from, as far as its own time tells. */
  function origin(name, value) {
    if (value === undefined) return ["missing", "none"];
    if (before[name] === value) return ["kept", "kept"];
    if (forgotten[name] === value) return ["restored", "restored"];
    const made = /^fb\.\d+\.(\d{13})\./.exec(value);
    if (made !== null && Number(made[1]) < started - 60_000) return ["restored", "restored"];
    return before[name] === undefined ? ["fresh", "from the server"] : ["fresh", "changed"];
  }

  function drawConsent() {
    const api = globalThis.Shopify && globalThis.Shopify.customerPrivacy;
    const said = api === undefined ? {} : api.currentVisitorConsent();
    lists.consent.replaceChildren(
      ...["analytics", "marketing", "preferences", "sale_of_data"].map((purpose) => {
        const word = said[purpose] || "undecided";
        return element("li", `chip ${word}`, element("span", "", purpose.replaceAll("_", " ")), ` ${word}`);
      }),
    );
  }

  function drawKnown() {
    const now = jar();
    const rows = Object.entries(COOKIES).filter(([name]) =>
      now[name] !== undefined || name === "_fbp" || name === "_tk_v"
    )
      .map(([name, label]) => {
        const [kind, word] = origin(name, now[name]);
        const value = element("code", "", now[name] === undefined ? "–" : decodeURIComponent(now[name]));
        value.title = now[name] || "";
        return element(
          "tr",
          "",
          element("th", "", label, element("small", "", name)),
          element("td", "", value),
          element("td", "", element("span", `tag ${kind}`, word)),
        );
      });
    lists.known.replaceChildren(...rows);
  }

  function waiting() {
    const seen = (globalThis.trakit && Array.isArray(globalThis.trakit.seen)) ? globalThis.trakit.seen : [];
    const done = new Set(log.map(({ id }) => id));
    const api = globalThis.Shopify && globalThis.Shopify.customerPrivacy;
    const why = api === undefined || api.shouldShowBanner()
      ? "In memory only: the visitor has not decided."
      : allowed()
      ? "Waits to be sent."
      : "Dropped: the visitor declined.";
    return seen.filter(({ id }) => !done.has(id)).map((event) => ({
      name: event.name,
      id: event.id,
      status: allowed() ? "waiting" : "held",
      reason: "",
      why,
      source: "script",
      at: new Date(event.timestamp).toISOString(),
      detail: { event },
    })).reverse();
  }

  function drawEvents() {
    const entries = [...waiting(), ...log];
    const items = entries.map((entry) => {
      const why = entry.why || entry.reason || WHY[entry.status] ||
        (entry.name === "session" ? "Key for this visit's signatures." : "");
      const summary = element(
        "summary",
        "",
        element("span", `dot ${entry.status}`),
        // long names break where a word ends
        element(
          "span",
          "event-name",
          ...entry.name.split(/(?<=_)/).flatMap((word) => [word, element("wbr", "")]),
        ),
        element("span", "source", entry.source),
        element("span", `tag ${entry.status}`, entry.status),
        element("span", "why", why),
      );
      return element(
        "li",
        "",
        element("details", "", summary, element("pre", "", JSON.stringify(entry.detail, null, 2))),
      );
    });
    if (items.length === 0) items.push(element("li", "empty", "Nothing yet."));
    lists.events.replaceChildren(...items);
    lists.count.textContent = String(log.filter(({ name }) => name !== "session").length);
  }

  let drawing = false;
  function draw() {
    if (lists === null || drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      drawConsent();
      drawKnown();
      drawEvents();
    });
  }

  /** What Safari does to cookies and storage a script wrote, seven days on; what the server set stays. */
  function forget() {
    const known = Object.entries(jar()).filter(([name]) => name in COOKIES);
    sessionStorage.setItem("_shop_forgotten", JSON.stringify({ ...forgotten, ...Object.fromEntries(known) }));
    for (const name of Object.keys(jar())) {
      if (name in COOKIES || name.startsWith("_ga_")) document.cookie = `${name}=; Path=/; Max-Age=0`;
    }
    localStorage.clear();
    for (const key of Object.keys(sessionStorage)) if (key.startsWith("_tk_")) sessionStorage.removeItem(key);
    location.reload();
  }

  function section(title, content, hint) {
    return element(
      "section",
      "",
      element("h3", "", title),
      ...hint ? [element("p", "hint", hint)] : [],
      content,
    );
  }

  function build() {
    const count = element("span", "badge", "0");
    const toggle = element("button", "panel-toggle", "Behind the scenes ", count);
    toggle.type = "button";
    toggle.setAttribute("aria-expanded", "false");
    toggle.setAttribute("aria-controls", "scenes");
    const panel = element("section", "scenes");
    panel.id = "scenes";
    panel.setAttribute("aria-label", "Behind the scenes");
    panel.hidden = true;
    lists = {
      count,
      consent: element("ul", "chips"),
      known: element("tbody", ""),
      events: element("ul", "event-list"),
    };
    const forgetButton = element("button", "button quiet small", "Forget my cookies");
    forgetButton.type = "button";
    forgetButton.title = "Deletes what scripts wrote here, as Safari does after seven days";
    forgetButton.addEventListener("click", forget);
    const change = element("button", "button quiet small", "Change consent");
    change.type = "button";
    change.addEventListener("click", () => {
      const open = document.querySelector("[data-consent-open]");
      if (open !== null) open.click();
    });
    const close = element("button", "close", "×");
    close.type = "button";
    close.setAttribute("aria-label", "Close");
    panel.append(
      element(
        "header",
        "",
        element(
          "div",
          "",
          element("h2", "", "Behind the scenes"),
          element("p", "hint", `${data.proxy}/event`),
        ),
        close,
      ),
      section("Consent", lists.consent),
      section(
        "This browser knows",
        element("table", "", lists.known),
        "Forget them, and the server brings them back to a visitor it can be sure of.",
      ),
      element("p", "panel-actions", forgetButton, change),
      section("Events", lists.events),
    );
    const show = (open) => {
      panel.hidden = !open;
      toggle.setAttribute("aria-expanded", String(open));
      draw();
    };
    toggle.addEventListener("click", () => show(panel.hidden));
    close.addEventListener("click", () => {
      show(false);
      toggle.focus();
    });
    document.body.append(panel, toggle);
    draw();
  }

  if (/(?:^|; )_shop_consent=a?[^;]*1/.test(document.cookie)) {
    const kept = parse(sessionStorage.getItem(LOG_KEY) || "[]");
    if (Array.isArray(kept)) log = kept;
  }
  document.addEventListener("visitorConsentCollected", () => {
    if (!allowed()) {
      log = [];
      sessionStorage.removeItem(LOG_KEY);
      sessionStorage.removeItem("_shop_forgotten");
    }
    setTimeout(draw, 50);
  });
  build();
  addEventListener("load", () => setTimeout(draw, 100));
  addEventListener("pageshow", draw);
})();
