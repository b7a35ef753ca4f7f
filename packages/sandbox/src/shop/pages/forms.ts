/**
 * The theme's other forms, as Shopify's Liquid makes them (`{% form 'create_customer' %}`, `'customer_login'`, `'contact'`, `'customer'`):
 * each says in `form_type` what it is. They do what a visitor of a demo expects and no more.
 */
import { stringifyBig } from "../big-json.ts";
import type { Visit } from "../context.ts";
import { html, type SafeHtml } from "../html.ts";
import { seeOther, type ShopAnswer } from "../http.ts";
import { renderPage } from "../layout.ts";
import { otherWebhook } from "../other-webhooks.ts";

/** What a form says when it was taken, by the `posted` of the address. */
const THANKS: Record<string, string> = {
  account: "Your account is open. Shopify told TrakIt of it by webhook.",
  contact: "Thank you, your message is on its way to nobody: this is a demo.",
};

function input(label: string, name: string, type: string, autocomplete: string): SafeHtml {
  return html`<label class="field"><span>${label}</span><input name="${name}" type="${type}" autocomplete="${autocomplete}" maxlength="255" required></label>`;
}

function formPage(visit: Visit, title: string, body: SafeHtml): ShopAnswer {
  const thanks = THANKS[visit.request.query.get("posted") ?? ""];
  return renderPage(visit, {
    title,
    theme: { type: "page" },
    main: html`<div class="narrow"><h1>${title}</h1>${
      thanks === undefined ? "" : html`<p class="taken" role="status">${thanks}</p>`
    }${body}</div>`,
  });
}

const registerPage = (visit: Visit): ShopAnswer =>
  formPage(
    visit,
    "Create an account",
    html`<form id="create_customer" action="/account" method="post"><input type="hidden" name="form_type" value="create_customer">
<div class="pair">${input("First name", "customer[first_name]", "text", "given-name")}${
      input("Last name", "customer[last_name]", "text", "family-name")
    }</div>${input("Email", "customer[email]", "email", "email")}${
      input("Password", "customer[password]", "password", "new-password")
    }<button class="button" type="submit">Create account</button></form>
<p class="hint">You have one? <a href="/account/login">Log in</a>.</p>`,
  );

const loginPage = (visit: Visit): ShopAnswer =>
  formPage(
    visit,
    "Log in",
    html`<form id="customer_login" action="/account/login" method="post"><input type="hidden" name="form_type" value="customer_login">
${input("Email", "customer[email]", "email", "email")}${
      input("Password", "customer[password]", "password", "current-password")
    }<button class="button" type="submit">Log in</button></form>
<p class="hint">Anything will do: you will be Zoë. New here? <a href="/account/register">Create an account</a>.</p>`,
  );

const contactPage = (visit: Visit): ShopAnswer =>
  formPage(
    visit,
    "Contact",
    html`<form id="contact_form" action="/contact" method="post"><input type="hidden" name="form_type" value="contact">
${input("Name", "contact[name]", "text", "name")}${input("Email", "contact[email]", "email", "email")}
<label class="field"><span>Message</span><textarea name="contact[body]" rows="4" maxlength="2000" required></textarea></label>
<button class="button" type="submit">Send</button></form>`,
  );

const PAGES: Record<string, (visit: Visit) => ShopAnswer> = {
  "/account/register": registerPage,
  "/account/login": loginPage,
  "/pages/contact": contactPage,
};

/** Answers the pages with forms and what they post; null for any other request. */
export function formRoute(visit: Visit): ShopAnswer | null {
  const { request, session, shop } = visit;
  if (request.method !== "POST") return PAGES[request.path]?.(visit) ?? null;
  const fields = new URLSearchParams(request.body.toString("utf8"));
  if (request.path === "/account/login") {
    session.loggedIn = true;
    return seeOther("/");
  }
  if (request.path === "/contact") {
    return seeOther(
      fields.get("form_type") === "customer" ? "/?posted=newsletter" : "/pages/contact?posted=contact",
    );
  }
  if (request.path !== "/account") return null;
  const email = (fields.get("customer[email]") ?? "").trim().slice(0, 255);
  // an address that has an account opens no second one
  const known = shop.state.customers.get(email.toLowerCase())?.account === true;
  const body = email === "" || known ? null : otherWebhook(shop, {
    topic: "customers/create",
    order: null,
    email,
    phone: "",
    state: "enabled",
    quantity: null,
    scopes: [],
  });
  if (body !== null) {
    shop.webhooks.send([{ topic: "customers/create", orderId: "", body: stringifyBig(body) }], 0);
  }
  return seeOther("/account/register?posted=account");
}
