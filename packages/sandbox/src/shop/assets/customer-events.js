/**
 * Stands in for Shopify's customer events: publishes what happens in the shop and runs the app's web pixel in its strict sandbox, a web
 * worker without DOM that reaches cookies and storage by message only (reference: shopify §4.1). The pixel is loaded when the visitor
 * allows what its manifest requires, and then sees this page's events from the start. A page the browser only prepares begins when it is
 * shown (what Shopify does there is not known).
 */
(() => {
  "use strict";

  if (document.prerendering) document.addEventListener("prerenderingchange", begin, { once: true });
  else begin();

  function begin() {
    const data = JSON.parse(document.getElementById("shop-data").textContent);
    const published = [];
    let sequence = 0;
    let worker = null;

    const uuid = () => crypto.randomUUID();
    const privacy = () => globalThis.Shopify && globalThis.Shopify.customerPrivacy;

    function consentNow() {
      const api = privacy();
      return {
        analyticsProcessingAllowed: api.analyticsProcessingAllowed(),
        marketingAllowed: api.marketingAllowed(),
        preferencesProcessingAllowed: api.preferencesProcessingAllowed(),
        saleOfDataAllowed: api.saleOfDataAllowed(),
      };
    }

    function contextNow() {
      const { href, pathname, search, host, hostname, origin, protocol, hash, port } = location;
      return {
        document: {
          location: { href, pathname, search, host, hostname, origin, protocol, hash, port },
          referrer: document.referrer,
          title: document.title,
          characterSet: document.characterSet,
        },
        navigator: { language: navigator.language, userAgent: navigator.userAgent, cookieEnabled: true },
        window: { innerWidth, innerHeight, location: { href } },
      };
    }

    function publish(name, detail, type = "standard") {
      const event = {
        id: `sh-${uuid()}`,
        name,
        type,
        seq: sequence++,
        timestamp: new Date().toISOString(),
        clientId: data.client_id,
        data: detail,
        context: contextNow(),
      };
      published.push(event);
      if (worker !== null) worker.postMessage({ kind: "event", event });
    }

    /** What the sandbox asks of the top frame. */
    const BROWSER = {
      "cookie.get": (name) => {
        if (name === undefined) return document.cookie;
        const pair = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
        return pair === undefined ? "" : pair.slice(name.length + 1);
      },
      "cookie.set": (text, value) => {
        document.cookie = value === undefined ? text : `${text}=${value}`;
        return "";
      },
      "localStorage.getItem": (key) => localStorage.getItem(key),
      "localStorage.setItem": (key, value) => localStorage.setItem(key, value),
      "localStorage.removeItem": (key) => localStorage.removeItem(key),
      "sessionStorage.getItem": (key) => sessionStorage.getItem(key),
      "sessionStorage.setItem": (key, value) => sessionStorage.setItem(key, value),
      "sessionStorage.removeItem": (key) => sessionStorage.removeItem(key),
    };

    function answer({ data: message }) {
      if (message.kind === "call") {
        let reply = {};
        try {
          reply = { value: BROWSER[message.method](...message.given) };
        } catch (error) {
          reply = { error: String(error) };
        }
        worker.postMessage({ kind: "reply", id: message.id, ...reply });
      } else if (message.kind === "request") {
        document.dispatchEvent(new CustomEvent("shop:pixel-request", { detail: message }));
      }
    }

    function loadPixel() {
      const api = privacy();
      if (worker !== null || data.pixel === null || !api) return;
      // the manifest asks for both
      if (!api.analyticsProcessingAllowed() || !api.marketingAllowed()) return;
      worker = new Worker("/shop/sandbox.js");
      worker.onmessage = answer;
      worker.postMessage({
        kind: "start",
        script: "/shop/web-pixel.js",
        settings: data.pixel,
        init: {
          context: contextNow(),
          customerPrivacy: consentNow(),
          data: {
            customer: null,
            cart: data.cart_id === null ? null : { id: data.cart_id },
            shop: { name: "Northfold Supply", myshopifyDomain: data.shop, countryCode: "US" },
          },
        },
        published,
      });
    }

    if (data.page_view) publish("page_viewed", {});
    for (const event of data.events) publish(event.name, event.data);
    document.addEventListener("shop:cart-changed", ({ detail }) => {
      const merchandise = data.variants[detail.variantId];
      if (merchandise === undefined) return;
      const cents = Math.round(merchandise.price.amount * 100) * detail.quantity;
      const cost = { totalAmount: { amount: cents / 100, currencyCode: merchandise.price.currencyCode } };
      publish(detail.name, { cartLine: { cost, merchandise, quantity: detail.quantity } });
    });
    addEventListener("submit", ({ target }) => {
      const elements = Array.from(
        target.elements,
        ({ id, name, tagName, type, value }) => ({ id, name, tagName, type, value }),
      );
      publish("form_submitted", {
        element: { id: target.getAttribute("id"), action: target.getAttribute("action"), elements },
      }, "dom");
    });
    document.addEventListener("visitorConsentCollected", () => {
      if (worker === null) loadPixel();
      else worker.postMessage({ kind: "consent", customerPrivacy: consentNow() });
    });
    globalThis.Shopify.loadFeatures([{ name: "consent-tracking-api", version: "0.1" }], loadPixel);
  }
})();
