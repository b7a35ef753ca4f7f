/** The frame of every page: head, header, consent banner, footer, page data, security headers. */
import { itemCount } from "./cart.ts";
import { currentCart } from "./context.ts";
import type { Visit } from "./context.ts";
import { html, jsonBlock, SafeHtml } from "./html.ts";
import type { ShopAnswer } from "./http.ts";
import { CURRENCIES } from "./money.ts";
import { liquidCart } from "./liquid-objects.ts";
import { newsletterForm } from "./pages/newsletter.ts";
import type { PageEvent } from "./pixel-shapes.ts";

/** No inline script or style can run, whatever slips into a page. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  // the sandbox of web pixels; at Shopify too it is served by the shop's own host
  "worker-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const SECURITY_HEADERS: [string, string][] = [
  ["content-security-policy", CONTENT_SECURITY_POLICY],
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "strict-origin-when-cross-origin"],
];

export interface Page {
  status?: number;
  title: string;
  main: SafeHtml;
  /** What the page itself reports when shown, besides `page_viewed`. */
  events?: PageEvent[];
  /** Shown again after a form was sent: at Shopify the page would not have been left, so no `page_viewed`. */
  reload?: boolean;
  /** Pixel shape of each variant that can be put into the cart from this page. */
  variants?: Record<string, unknown>;
  /**
   * What Liquid knows of a page of the theme: `request.page_type` and the page's objects. Pages without it are the checkout's, where
   * there is no theme and no theme app embed.
   */
  theme?: { type: string; objects?: Record<string, unknown> };
}

function document(title: string, body: SafeHtml, scripts: SafeHtml): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – Northfold Supply</title>
<link rel="icon" href="/shop/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/shop/theme.css">
${scripts}
</head>
<body>
${body}
</body>
</html>
`.text;
}

function header(visit: Visit): SafeHtml {
  const { request, session } = visit;
  const here = `${request.path}${request.rawQuery === "" ? "" : `?${request.rawQuery}`}`;
  const query = request.path === "/search" ? request.query.get("q") ?? "" : "";
  const cart = currentCart(visit);
  const count = cart === null ? 0 : itemCount(cart);
  return html`<a class="skip" href="#main">Skip to content</a>
<p class="notice">Demo shop of the local stack. Nothing is sold, nobody is charged. Code <strong>TRAKIT10</strong> takes 10 % off.</p>
<header class="site-header">
<a class="brand" href="/"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M4 26 13 8l6 11 3-5 6 12z" fill="currentColor"/></svg>Northfold</a>
<nav class="main-nav" aria-label="Main"><a href="/collections/all">Shop all</a><a href="/products/merino-beanie">Beanie</a><a href="/products/trail-bottle">Bottle</a></nav>
<form class="search" action="/search" role="search"><label class="visually-hidden" for="q">Search products</label>
<input id="q" name="q" type="search" placeholder="Search" value="${query}" maxlength="200"><button type="submit" aria-label="Search"><svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="8.5" cy="8.5" r="5.5" fill="none" stroke="currentColor" stroke-width="2"/><path d="m13 13 5 5" stroke="currentColor" stroke-width="2" stroke-linecap="round"/></svg></button></form>
<form class="currency" action="/localization" method="post"><input type="hidden" name="return_to" value="${here}">
${
    CURRENCIES.map((currency) =>
      html`<button name="currency" value="${currency}" aria-pressed="${
        String(currency === session.currency)
      }">${currency}</button>`
    )
  }</form>
<form class="account" action="/account/toggle" method="post"><input type="hidden" name="return_to" value="${here}">
<button type="submit" title="Logging in makes the app proxy sign a customer id">${
    session.loggedIn ? "Log out Zoë" : "Log in"
  }</button></form>
<a class="cart-link" href="/cart"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 8h12l1.2 12H4.800z" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"/><path d="M9 10V7a3 3 0 0 1 6 0v3" fill="none" stroke="currentColor" stroke-width="1.8"/></svg>Cart <span class="badge" data-cart-count>${count}</span></a>
</header>`;
}

/** Hidden until the script finds that the visitor has not decided yet. */
const consentBanner =
  html`<section class="consent" id="consent" role="region" aria-labelledby="consent-title" hidden>
<div><h2 id="consent-title">May we measure your visit?</h2>
<p>Until you choose, this shop stores no identifier for measuring and sends nothing. With your yes, it tells TrakIt which pages and products you look at; TrakIt tells the ad platforms.</p></div>
<div class="consent-actions"><button type="button" class="button" data-consent="accept">Accept</button>
<button type="button" class="button quiet" data-consent="analytics">Analytics only</button>
<button type="button" class="button quiet" data-consent="decline">Decline</button></div>
</section>`;

/** Only the theme's pages have forms of the theme. */
const footer = (themed: boolean, posted: string | null) =>
  html`<footer class="site-footer">
${
    themed
      ? html`${
        posted === "newsletter"
          ? html`<p class="taken" role="status">You are on the list.</p>`
          : newsletterForm
      }<p><a href="/pages/contact">Contact</a> · <a href="/account/register">Create an account</a></p>`
      : ""
  }
<p><strong>Northfold Supply</strong> is the demo shop of a local TrakIt stack: storefront, app proxy and webhooks as Shopify has them.</p>
<p><button type="button" class="link" data-consent-open>Cookie preferences</button></p>
</footer>
<p class="toast" id="toast" role="status" aria-live="polite"></p>`;

/** Renders a page of the shop with its security headers. */
export function renderPage(visit: Visit, page: Page): ShopAnswer {
  const { shop, session } = visit;
  const { pixel } = shop.extensions;
  const data = {
    shop: shop.domain,
    currency: session.currency,
    page_view: page.reload !== true,
    events: page.events ?? [],
    variants: page.variants ?? {},
    // the platform's own id of this browser, which a web pixel sees with every event
    client_id: clientIdOf(session.id),
    cart_id: currentCart(visit)?.token ?? null,
    pixel: pixel?.settings ?? null,
    proxy: shop.proxyPrefix,
  };
  const embed = page.theme === undefined ? "" : shop.extensions.embed({
    request: { page_type: page.theme.type, origin: `http://${visit.request.host}` },
    cart: liquidCart(currentCart(visit), session.currency),
    shop: { permanent_domain: shop.domain },
    ...page.theme.objects,
  }, { path: shop.proxyPrefix });
  const body = html`${header(visit)}
<main id="main" tabindex="-1">
${page.main}
</main>
${footer(page.theme !== undefined, visit.request.query.get("posted"))}
${consentBanner}
<script type="application/json" id="shop-data">${jsonBlock(data)}</script>
${new SafeHtml(embed)}`;
  const scripts = html`<script src="/shop/privacy.js"></script>
<script src="/shop/panel.js" defer></script>
<script src="/shop/theme.js" defer></script>
<script src="/shop/customer-events.js" defer></script>`;
  return {
    status: page.status ?? 200,
    headers: [
      ["content-type", "text/html; charset=utf-8"],
      ...SECURITY_HEADERS,
      // the theme's pages may be kept for "back", the checkout's may not
      ["cache-control", page.theme === undefined ? "no-store" : "private, no-cache"],
      ...page.theme === undefined || shop.prerender.length === 0
        ? []
        : [["speculation-rules", '"/shop/speculation-rules.json"'] satisfies [string, string]],
    ],
    body: document(page.title, body, scripts),
  };
}

/** A UUID that belongs to the session for good. */
function clientIdOf(session: string): string {
  const part = (from: number, to: number) => session.slice(from, to);
  return [part(0, 8), part(8, 12), `4${part(13, 16)}`, `8${part(17, 20)}`, part(20, 32)].join("-");
}

/** A page without session, scripts or cart: for failures of the proxy and of requests that cannot be read. */
export function plainPage(status: number, title: string, explanation: string): ShopAnswer {
  const body =
    html`<main id="main" class="plain"><p class="eyebrow">${status}</p><h1>${title}</h1><p>${explanation}</p>
<p><a class="button" href="/">Back to the shop</a></p></main>`;
  return {
    status,
    headers: [["content-type", "text/html; charset=utf-8"], ...SECURITY_HEADERS, [
      "cache-control",
      "no-store",
    ]],
    body: document(title, body, html``),
  };
}
