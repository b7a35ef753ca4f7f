/** The checkout page: contact, address, currency, discount, one button. */
import { productArt } from "../art.ts";
import type { CheckoutForm, FormErrors } from "../checkout-form.ts";
import type { Visit } from "../context.ts";
import { COUNTRIES, COUNTRY_CODES } from "../countries.ts";
import type { Buyer } from "../countries.ts";
import { html } from "../html.ts";
import type { SafeHtml } from "../html.ts";
import type { ShopAnswer } from "../http.ts";
import { renderPage } from "../layout.ts";
import { CURRENCIES, display } from "../money.ts";
import type { PageEvent } from "../pixel-shapes.ts";
import type { PricedCart } from "../pricing.ts";

export interface CheckoutView {
  form: CheckoutForm;
  errors: FormErrors;
  cart: PricedCart;
  token: string;
  events: PageEvent[];
  /** The same page again with other totals or errors. */
  reload: boolean;
}

export function checkoutPage(visit: Visit, view: CheckoutView): ShopAnswer {
  const { form, errors, cart } = view;
  const country = COUNTRIES[form.country];
  const wrong = Object.keys(errors).length;
  return renderPage(visit, {
    status: wrong > 0 ? 422 : 200,
    title: "Checkout",
    events: view.events,
    reload: view.reload,
    main: html`<h1>Checkout</h1>
${wrong > 0 ? html`<p class="problem" role="alert">Please look at the marked fields.</p>` : ""}
<form class="split checkout" action="/checkout" method="post" data-checkout-page>
<input type="hidden" name="checkout_token" value="${view.token}"><input type="hidden" name="prefilled_for" value="${form.prefilledFor}">
<button type="submit" class="visually-hidden" name="action" value="update" tabindex="-1" aria-hidden="true" formnovalidate>Update</button>
<div class="fields">
<fieldset><legend>Contact</legend>
${field("email", "E-mail", form.buyer, errors, "email", "email")}
${field("phone", "Phone (optional)", form.buyer, errors, "tel", "tel")}
<label class="check"><input type="checkbox" name="accepts_marketing" value="1"${
      form.acceptsMarketing ? html` checked` : ""
    }> E-mail me news and offers</label></fieldset>
<fieldset><legend>Delivery</legend>
<div class="pair"><label class="field"><span>Country</span><select name="country" autocomplete="country" data-refresh>${
      COUNTRY_CODES.map((code) =>
        html`<option value="${code}"${code === form.country ? html` selected` : ""}>${
          COUNTRIES[code].name
        }</option>`
      )
    }</select></label>
<label class="field"><span>Currency</span><select name="currency" data-refresh>${
      CURRENCIES.map((code) =>
        html`<option value="${code}"${code === form.currency ? html` selected` : ""}>${code}</option>`
      )
    }</select></label></div>
<div class="pair">${field("first_name", "First name", form.buyer, errors, "text", "given-name")}${
      field("last_name", "Last name", form.buyer, errors, "text", "family-name")
    }</div>
${field("address1", "Address", form.buyer, errors, "text", "address-line1")}
${field("address2", "Apartment, floor (optional)", form.buyer, errors, "text", "address-line2")}
<div class="pair">${field("zip", "Postal code", form.buyer, errors, "text", "postal-code")}${
      field("city", "City", form.buyer, errors, "text", "address-level2")
    }</div>
${provinces(country.provinces, form.buyer.province_code)}</fieldset>
<fieldset><legend>Payment</legend><p class="hint">No card needed: this shop accepts everyone.</p>
<label class="check"><input type="checkbox" name="test" value="1"${
      form.test ? html` checked` : ""
    }> <span>Test order (<code>"test": true</code>, gateway <code>bogus</code>): must not reach live ad accounts</span></label></fieldset>
</div>
<aside class="summary" aria-label="Order summary"><ul class="lines small">${
      cart.lines.map((line) =>
        html`<li class="line"><span class="thumb">${productArt(line.product, line.variant, "")}</span>
<div><span class="line-title">${line.product.title}</span><p class="hint">${line.variant.title} × ${line.quantity}</p></div>
<p class="line-price">${display(line.net.presentment, cart.currency)}</p></li>`
      )
    }</ul>
<div class="code">${
      discountField(form.discountCode, errors)
    }<button class="button quiet" type="submit" name="action" value="update" formnovalidate>Update</button></div>
${totals(cart)}
<button class="button wide" type="submit" name="action" value="pay">Pay ${
      display(cart.total.presentment, cart.currency)
    }</button></aside></form>`,
  });
}

function errorText(id: string, error: string | undefined): SafeHtml | "" {
  return error === undefined ? "" : html`<span class="error" id="${id}-error">${error}</span>`;
}

function field(
  name: keyof Buyer,
  label: string,
  buyer: Buyer,
  errors: FormErrors,
  type: string,
  autocomplete: string,
): SafeHtml {
  const error = errors[name];
  return html`<label class="field"><span>${label}</span><input name="${name}" type="${type}" value="${
    buyer[name]
  }" autocomplete="${autocomplete}" maxlength="255"${
    error === undefined ? "" : html` aria-invalid="true" aria-describedby="${name}-error"`
  }>${errorText(name, error)}</label>`;
}

function discountField(code: string, errors: FormErrors): SafeHtml {
  const invalid = errors.discount === undefined
    ? ""
    : html` aria-invalid="true" aria-describedby="discount-error"`;
  return html`<label class="field"><span>Discount code</span><input name="discount" value="${code}" placeholder="TRAKIT10" autocomplete="off" maxlength="40"${invalid}>${
    errorText("discount", errors.discount)
  }</label>`;
}

function provinces(known: Record<string, string>, chosen: string): SafeHtml {
  const entries = Object.entries(known);
  if (entries.length === 0) return html`<input type="hidden" name="province_code" value="">`;
  return html`<label class="field"><span>State or province</span><select name="province_code" autocomplete="address-level1">${
    entries.map(([code, name]) =>
      html`<option value="${code}"${code === chosen ? html` selected` : ""}>${name}</option>`
    )
  }</select></label>`;
}

/** The table of sums, shared with the thank-you page. */
export function totals(cart: PricedCart): SafeHtml {
  const show = (minor: number): string => display(minor, cart.currency);
  const taxNames = cart.taxes.map((tax) => tax.rule.title).join(", ");
  const taxRow = html`<div class="${cart.taxesIncluded ? "muted" : ""}"><dt>${
    cart.taxesIncluded ? `Including ${taxNames}` : `Tax (${taxNames})`
  }</dt><dd>${show(cart.taxTotal.presentment)}</dd></div>`;
  return html`<dl class="totals"><div><dt>Items</dt><dd>${show(cart.itemsTotal.presentment)}</dd></div>
${
    cart.discount === null
      ? ""
      : html`<div><dt>Discount ${cart.discount.code}</dt><dd>${
        show(-cart.discountTotal.presentment)
      }</dd></div>`
  }
${
    cart.shipping === null
      ? ""
      : html`<div><dt>Shipping, ${cart.shipping.title}</dt><dd>${
        show(cart.shippingTotal.presentment)
      }</dd></div>`
  }
${cart.taxes.length > 0 && !cart.taxesIncluded ? taxRow : ""}
<div class="grand"><dt>Total</dt><dd>${show(cart.total.presentment)} ${cart.currency}</dd></div>
${cart.taxes.length > 0 && cart.taxesIncluded ? taxRow : ""}</dl>`;
}
