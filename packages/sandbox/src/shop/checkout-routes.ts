/** `/checkout` and `/thank-you/<token>`. */
import { CART_COOKIE } from "./cart.ts";
import { tellOfCheckout } from "./cart-webhooks.ts";
import { checkForm, followCountry, freshForm, readForm } from "./checkout-form.ts";
import type { CheckoutForm, FormErrors } from "./checkout-form.ts";
import { cookie, currentCart } from "./context.ts";
import type { Visit } from "./context.ts";
import { DEMO_CUSTOMER } from "./countries.ts";
import { seeOther } from "./http.ts";
import type { ShopAnswer } from "./http.ts";
import { checkoutPage } from "./pages/checkout.ts";
import { thankYouPage } from "./pages/thank-you.ts";
import { checkoutStarted } from "./pixel-shapes.ts";
import { findDiscount, priceCart } from "./pricing.ts";
import type { PricedCart } from "./pricing.ts";
import { placeOrder } from "./purchase.ts";
import type { Cart, Checkout } from "./state.ts";

/** Answers the checkout's paths; null for any other. */
export function checkoutRoute(visit: Visit): ShopAnswer | null {
  const { method, path } = visit.request;
  if (path === "/checkout") {
    return method === "POST" ? submitted(visit) : method === "GET" ? opened(visit) : null;
  }
  const thanks = /^\/thank-you\/([0-9a-f]{32})$/.exec(path);
  if (thanks === null) return null;
  const order = visit.shop.state.orders.get(thanks[1] ?? "");
  return order === undefined ? null : thankYouPage(visit, order);
}

/** Opens the cart's checkout: same token as long as the cart lives, attributes as they are now. */
function openCheckout(visit: Visit, cart: Cart): Checkout {
  const { state, ids } = visit.shop;
  const known = cart.checkoutToken === null ? undefined : state.checkouts.get(cart.checkoutToken);
  const checkout: Checkout = known ?? {
    token: ids.hex(16),
    createdAt: visit.shop.now(),
    number: ids.next("checkout"),
    cartToken: cart.token,
    attributes: {},
    note: null,
    country: visit.session.loggedIn ? DEMO_CUSTOMER.country : "US",
    started: false,
  };
  checkout.attributes = { ...cart.attributes };
  checkout.note = cart.note;
  cart.checkoutToken = checkout.token;
  state.checkouts.set(checkout.token, checkout);
  return checkout;
}

function price(form: CheckoutForm, cart: Cart): PricedCart {
  return priceCart(cart.lines, {
    country: form.country,
    currency: form.currency,
    discount: findDiscount(form.discountCode),
    shipped: true,
  });
}

function show(
  visit: Visit,
  checkout: Checkout,
  form: CheckoutForm,
  cart: Cart,
  errors: FormErrors,
): ShopAnswer {
  const priced = price(form, cart);
  if (visit.request.method === "POST") tellOfCheckout(visit, "checkouts/update", checkout, priced, form);
  else if (!checkout.started) tellOfCheckout(visit, "checkouts/create", checkout, priced, null);
  // Reported once per checkout, and before a discount or an address is known: so it is at Shopify.
  const events = checkout.started ? [] : [checkoutStarted(priced, checkout.token)];
  checkout.started = true;
  return checkoutPage(visit, {
    form,
    errors,
    cart: priced,
    token: checkout.token,
    events,
    reload: visit.request.method === "POST",
  });
}

function opened(visit: Visit): ShopAnswer {
  const cart = currentCart(visit);
  if (cart === null || cart.lines.length === 0) return seeOther("/cart");
  const checkout = openCheckout(visit, cart);
  return show(visit, checkout, freshForm(checkout.country, visit.session.currency), cart, {});
}

function submitted(visit: Visit): ShopAnswer {
  const { request, session, shop } = visit;
  const fields = new URLSearchParams(request.body.toString("utf8"));
  const token = fields.get("checkout_token") ?? "";
  // Pressed twice, or the page was reloaded after paying: the order exists, show it and place no second one.
  if (shop.state.orders.get(token) !== undefined) return seeOther(`/thank-you/${token}`);
  const cart = currentCart(visit);
  const checkout = shop.state.checkouts.get(token);
  if (
    cart === null || cart.lines.length === 0 || checkout === undefined || checkout.cartToken !== cart.token
  ) {
    return seeOther("/cart");
  }

  const form = followCountry(readForm(fields, checkout.country, session.currency));
  session.currency = form.currency;
  checkout.country = form.country;
  const errors = checkForm(form, price(form, cart).shipping !== null);
  if (fields.get("action") !== "pay") {
    // While still filling in, only a wrong code is worth saying.
    return show(
      visit,
      checkout,
      form,
      cart,
      errors.discount === undefined ? {} : { discount: errors.discount },
    );
  }
  if (Object.keys(errors).length > 0) return show(visit, checkout, form, cart, errors);

  placeOrder(shop, {
    lines: cart.lines,
    country: form.country,
    currency: form.currency,
    discount: findDiscount(form.discountCode),
    channel: "web",
    test: form.test,
    buyer: form.buyer,
    loggedIn: session.loggedIn,
    acceptsMarketing: form.acceptsMarketing,
    cartToken: cart.token,
    checkoutToken: checkout.token,
    browser: {
      ip: request.ip,
      userAgent: request.headers["user-agent"] ?? null,
      acceptLanguage: firstLanguage(request.headers["accept-language"]),
      landingSite: session.landingSite,
      referringSite: session.referringSite,
    },
    attributes: checkout.attributes,
    note: checkout.note,
    topics: ["orders/create", "orders/paid"],
    duplicates: 0,
  });
  tellOfCheckout(visit, "checkouts/update", checkout, price(form, cart), form, true);
  cart.lines = [];
  visit.setCookies.push(cookie(CART_COOKIE, "", 0, false));
  return seeOther(`/thank-you/${checkout.token}`);
}

/** "de-DE,de;q=0.9" → "de-DE" */
function firstLanguage(header: string | undefined): string | null {
  const first = (header ?? "").split(",")[0]?.split(";")[0]?.trim() ?? "";
  return first === "" ? null : first;
}
