/**
 * Stands in for what Shopify puts on every page: the `Shopify` object with its Customer Privacy API (reference: shopify §4.5), and the
 * consent banner that uses it. This shop asks everybody first, as a shop in Europe must.
 */
(() => {
  "use strict";

  const COOKIE = "_shop_consent";
  const PURPOSES = [["a", "analytics"], ["m", "marketing"], ["p", "preferences"], ["s", "sale_of_data"]];
  const SECONDS = 365 * 86400;

  /** The decision: true and false by purpose, or null while there is none. */
  function read() {
    const text = /(?:^|; )_shop_consent=(a[01]m[01]p[01]s[01])/.exec(document.cookie);
    if (text === null) return null;
    return Object.fromEntries(
      PURPOSES.map(([letter, purpose]) => [purpose, text[1][text[1].indexOf(letter) + 1] === "1"]),
    );
  }

  let decision = read();
  const allowed = (purpose) => decision !== null && decision[purpose];
  const word = (purpose) => decision === null ? "" : decision[purpose] ? "yes" : "no";

  const customerPrivacy = {
    analyticsProcessingAllowed: () => allowed("analytics"),
    marketingAllowed: () => allowed("marketing"),
    preferencesProcessingAllowed: () => allowed("preferences"),
    saleOfDataAllowed: () => allowed("sale_of_data"),
    currentVisitorConsent: () => Object.fromEntries(PURPOSES.map(([, purpose]) => [purpose, word(purpose)])),
    getRegion: () => "GBENG",
    shouldShowBanner: () => decision === null,
    setTrackingConsent(given, done) {
      decision = Object.fromEntries(PURPOSES.map(([, purpose]) => [purpose, given[purpose] === true]));
      // a browser that sends Global Privacy Control has already said no to this one
      if (navigator.globalPrivacyControl === true) decision.sale_of_data = false;
      const text = PURPOSES.map(([letter, purpose]) => `${letter}${decision[purpose] ? 1 : 0}`).join("");
      // the decision itself must be kept, or we would ask on every page
      document.cookie = `${COOKIE}=${text}; Path=/; Max-Age=${SECONDS}; SameSite=Lax`;
      document.dispatchEvent(
        new CustomEvent("visitorConsentCollected", {
          detail: {
            analyticsAllowed: decision.analytics,
            marketingAllowed: decision.marketing,
            preferencesAllowed: decision.preferences,
            saleOfDataAllowed: decision.sale_of_data,
          },
        }),
      );
      if (done) done();
    },
  };

  globalThis.Shopify = {
    routes: { root: "/" },
    /** Shopify fetches the feature first; it is there a moment later, never at once. */
    loadFeatures(features, done) {
      setTimeout(() => {
        if (features.some(({ name }) => name === "consent-tracking-api")) {
          globalThis.Shopify.customerPrivacy = customerPrivacy;
        }
        done();
      }, 0);
    },
  };

  const CHOICES = {
    accept: { analytics: true, marketing: true, preferences: true, sale_of_data: true },
    analytics: { analytics: true, marketing: false, preferences: false, sale_of_data: false },
    decline: { analytics: false, marketing: false, preferences: false, sale_of_data: false },
  };

  document.addEventListener("DOMContentLoaded", () => {
    const banner = document.getElementById("consent");
    if (banner === null) return;
    banner.hidden = decision !== null;
    for (const button of Array.from(document.querySelectorAll("[data-consent]"))) {
      button.addEventListener("click", () => {
        banner.hidden = true;
        customerPrivacy.setTrackingConsent(CHOICES[button.dataset.consent]);
      });
    }
    for (const button of Array.from(document.querySelectorAll("[data-consent-open]"))) {
      button.addEventListener("click", () => {
        banner.hidden = false;
        const first = banner.querySelector("button");
        if (first !== null) first.focus();
      });
    }
  });
})();
