/** Shopify's Ajax cart API and the same as plain forms (reference: shopify §4.6). */
import { z } from "zod";
import { parseBig, stringifyBig } from "./big-json.ts";
import { addLine, ajaxCart, ajaxItem, mergeAttributes, setQuantity } from "./cart.ts";
import type { CartChange } from "./cart.ts";
import { tellOfCart } from "./cart-webhooks.ts";
import { currentCart, openCart } from "./context.ts";
import type { Visit } from "./context.ts";
import { json, localPath, seeOther } from "./http.ts";
import type { ShopAnswer, ShopRequest } from "./http.ts";
import type { Cart } from "./state.ts";

const id = z.union([z.string().regex(/^\d{1,20}$/), z.number().int().nonnegative(), z.bigint()]).transform(
  String,
);
const quantity = z.coerce.number().int().min(0).max(999);
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const properties = z.record(z.string().max(200), text).default({});
const addItem = z.object({ id, quantity: quantity.default(1), properties });
const addBody = z.union([z.object({ items: z.array(addItem).min(1).max(50) }), addItem]);
const updateBody = z.object({
  updates: z.union([z.record(z.string(), quantity), z.array(quantity)]).optional(),
  attributes: z.record(z.string(), text.nullable()).optional(),
  note: z.string().max(5_000).nullable().optional(),
});
const changeBody = z.object({
  id: id.or(z.string().max(500)).optional(),
  line: z.coerce.number().int().positive().optional(),
  quantity,
});

const MESSAGES: Record<Exclude<CartChange, { ok: true }>["reason"], string> = {
  unknown_variant: "Cannot find variant",
  bad_quantity: "Quantity must be a whole number of at most 999",
  unknown_line: "no valid id or line parameter",
  full: "The cart is full",
};

/** Shopify's error document of the Ajax API. */
function cartError(description: string): ShopAnswer {
  return json(422, JSON.stringify({ status: 422, message: "Cart Error", description }));
}

/** JSON as it is; a form as an object in which `name[key]=v` nests one level, as themes post it. null: unreadable. */
function readBody(request: ShopRequest): unknown {
  const body = request.body.toString("utf8");
  if ((request.headers["content-type"] ?? "").includes("json")) {
    try {
      return parseBig(body);
    } catch {
      return null;
    }
  }
  const fields = new Map<string, unknown>();
  for (const [name, value] of new URLSearchParams(body)) {
    const nested = /^(\w+)\[([^\]]*)\]$/.exec(name);
    if (nested === null) {
      fields.set(name, value);
      continue;
    }
    const [, outer = "", inner = ""] = nested;
    const before = fields.get(outer);
    if (inner === "") fields.set(outer, [...(Array.isArray(before) ? before : []), value]);
    else {fields.set(
        outer,
        Object.fromEntries([...(before instanceof Object ? Object.entries(before) : []), [inner, value]]),
      );}
  }
  return Object.fromEntries(fields);
}

/** Answers `/cart.js`, `/cart/{add,update,change,clear}[.js]`; null for any other path. */
export function cartRoute(visit: Visit): ShopAnswer | null {
  const { request } = visit;
  if (request.path === "/cart.js" && request.method === "GET") {
    return answerCart(visit, currentCart(visit) ?? openCart(visit));
  }
  const action = /^\/cart\/(add|update|change|clear)(\.js)?$/.exec(request.path);
  if (action === null) return null;
  if (request.method !== "POST") {
    return json(405, JSON.stringify({ status: 405, message: "Method Not Allowed" }));
  }
  const body = readBody(request);
  const before = contents(currentCart(visit));
  const answer = action[1] === "add"
    ? add(visit, body)
    : action[1] === "update"
    ? update(visit, body)
    : action[1] === "change"
    ? change(visit, body)
    : clear(visit);
  const cart = visit.cart ?? currentCart(visit);
  // a change that changes no line is silent, as at Shopify since October 2026
  if (cart !== null && contents(cart) !== before) tellOfCart(visit.shop, cart, visit.session.currency);
  if (action[2] === ".js") return answer;
  const returnTo = new URLSearchParams(request.body.toString("utf8")).get("return_to");
  return seeOther(localPath(returnTo, "/cart"));
}

function contents(cart: Cart | null): string {
  return JSON.stringify(cart?.lines ?? []);
}

function answerCart(visit: Visit, cart: Cart): ShopAnswer {
  return json(200, stringifyBig(ajaxCart(cart, visit.session.currency)));
}

function add(visit: Visit, body: unknown): ShopAnswer {
  const parsed = addBody.safeParse(body);
  if (!parsed.success) return cartError("Required parameter missing or invalid: items");
  const cart = openCart(visit);
  const many = "items" in parsed.data;
  const items = "items" in parsed.data ? parsed.data.items : [parsed.data];
  const added: Record<string, unknown>[] = [];
  // All or nothing: Shopify adds none of the items when one of them is refused.
  const before = cart.lines.map((line) => ({ ...line }));
  for (const item of items) {
    const line = { variantId: item.id, quantity: item.quantity, properties: item.properties };
    const change = addLine(cart, line);
    if (!change.ok) {
      cart.lines = before;
      return cartError(MESSAGES[change.reason]);
    }
    added.push(ajaxItem(line, visit.session.currency));
  }
  return json(200, stringifyBig(many ? { items: added } : added[0]));
}

function update(visit: Visit, body: unknown): ShopAnswer {
  const parsed = updateBody.safeParse(body);
  if (!parsed.success) return cartError("Invalid parameters");
  const cart = openCart(visit);
  const { updates, attributes, note } = parsed.data;
  const changes: [string | number, number][] = Array.isArray(updates)
    // Positions are taken from the last line up, so that removing one does not move those still to change.
    ? updates.map((value, index): [number, number] => [index + 1, value]).reverse()
    : Object.entries(updates ?? {});
  const before = cart.lines.map((line) => ({ ...line }));
  for (const [which, value] of changes) {
    const change = setQuantity(cart, which, value);
    if (change.ok) continue;
    cart.lines = before;
    return cartError(MESSAGES[change.reason]);
  }
  if (attributes !== undefined) mergeAttributes(cart, attributes);
  if (note !== undefined) cart.note = note === "" ? null : note;
  return answerCart(visit, cart);
}

function change(visit: Visit, body: unknown): ShopAnswer {
  const parsed = changeBody.safeParse(body);
  const which = parsed.success ? parsed.data.line ?? parsed.data.id : undefined;
  if (!parsed.success || which === undefined) return cartError("no valid id or line parameter");
  const cart = openCart(visit);
  const result = setQuantity(cart, which, parsed.data.quantity);
  return result.ok ? answerCart(visit, cart) : cartError(MESSAGES[result.reason]);
}

function clear(visit: Visit): ShopAnswer {
  const cart = openCart(visit);
  cart.lines = [];
  return answerCart(visit, cart);
}
