/** The cart page. */
import { productArt } from "../art.ts";
import { lineKey } from "../cart.ts";
import { findVariant } from "../catalog.ts";
import { currentCart } from "../context.ts";
import type { Visit } from "../context.ts";
import { html } from "../html.ts";
import type { SafeHtml } from "../html.ts";
import type { ShopAnswer } from "../http.ts";
import { renderPage } from "../layout.ts";
import { display, pixelAmount } from "../money.ts";
import type { Currency } from "../money.ts";
import { pixelVariant } from "../pixel-shapes.ts";
import type { CartLine } from "../pricing.ts";
import type { PageEvent } from "../pixel-shapes.ts";

export function cartPage(visit: Visit): ShopAnswer {
  const cart = currentCart(visit);
  const { currency } = visit.session;
  if (cart === null || cart.lines.length === 0) {
    return renderPage(visit, {
      title: "Cart",
      theme: { type: "cart" },
      main: html`<div class="plain"><h1>Your cart is empty</h1>
<p><a class="button" href="/collections/all">Find something for it</a></p></div>`,
    });
  }
  const rows = cart.lines.flatMap((line) => {
    const sellable = findVariant(line.variantId);
    return sellable === null ? [] : [{ line, ...sellable }];
  });
  const total = rows.reduce((sum, row) => sum + row.variant.price[currency] * row.line.quantity, 0);
  return renderPage(visit, {
    title: "Cart",
    events: [cartViewed(visit, total)],
    theme: { type: "cart" },
    main: html`<h1>Your cart</h1><div class="split"><ul class="lines">${
      rows.map((row) => lineRow(row.line, currency))
    }</ul>
<aside class="summary" aria-label="Summary"><dl><div><dt>Subtotal</dt><dd>${
      display(total, currency)
    }</dd></div></dl>
<p class="hint">Shipping, tax and discount codes at checkout.</p>
<a class="button wide" role="button" href="/checkout">Check out</a>
<p class="hint"><a href="/collections/all">Keep looking</a></p></aside></div>`,
  });
}

function cartViewed(visit: Visit, total: number): PageEvent {
  const cart = currentCart(visit);
  const { currency } = visit.session;
  const lines = (cart?.lines ?? []).flatMap((line) => {
    const found = findVariant(line.variantId);
    if (found === null) return [];
    const cost = found.variant.price[currency] * line.quantity;
    return [{
      cost: { totalAmount: { amount: pixelAmount(cost), currencyCode: currency } },
      merchandise: pixelVariant(found.product, found.variant, currency),
      quantity: line.quantity,
    }];
  });
  return {
    name: "cart_viewed",
    data: {
      cart: {
        id: cart?.token ?? null,
        attributes: [],
        cost: { totalAmount: { amount: pixelAmount(total), currencyCode: currency } },
        lines,
        totalQuantity: lines.reduce((count, line) => count + line.quantity, 0),
      },
    },
  };
}

function lineRow(line: CartLine, currency: Currency): SafeHtml {
  const found = findVariant(line.variantId);
  if (found === null) return html``;
  const { product, variant } = found;
  const name = `${product.title}, ${variant.title}`;
  return html`<li class="line"><a class="thumb" href="/products/${product.handle}?variant=${variant.id}" tabindex="-1" aria-hidden="true">${
    productArt(product, variant, "")
  }</a>
<div><a class="line-title" href="/products/${product.handle}?variant=${variant.id}">${product.title}</a><p class="hint">${variant.title}</p>
${Object.entries(line.properties).map(([key, value]) => html`<p class="hint">${key}: ${value}</p>`)}
<form class="line-form" action="/cart/change" method="post"><input type="hidden" name="id" value="${
    lineKey(line)
  }">
<label><span class="visually-hidden">Quantity of ${name}</span><input type="number" name="quantity" value="${line.quantity}" min="0" max="99" inputmode="numeric"></label>
<button class="link" type="submit">Update</button></form>
<form action="/cart/change" method="post"><input type="hidden" name="id" value="${
    lineKey(line)
  }"><input type="hidden" name="quantity" value="0">
<button class="link" type="submit" aria-label="Remove ${name}">Remove</button></form></div>
<p class="line-price">${display(variant.price[currency] * line.quantity, currency)}</p></li>`;
}
