/**
 * Building blocks of the payload schemas. What only describes (texts, addresses, ids of items) never fails: a field we
 * cannot read is null, and no purchase is lost for it. What is counted (money, quantity) must be right or the payload is
 * refused.
 */
import { z } from "zod";
import { holdsContact, holdsEmail } from "@trakit/core/contact.ts";
import { addDecimal, compareDecimal, currencyDigits, decimalFrom, roundDecimal } from "@trakit/core/money.ts";
import { currencyCode, shopifyId, shopifyToken, textOrNull } from "./text.ts";

const MAX_ISSUES = 20;

/** Text or null, cleaned and cut to `max`. */
export const text = (max: number) => z.unknown().optional().transform((value) => textOrNull(value, max));

const clean = (max: number, unfit: (text: string) => boolean) =>
  z.unknown().optional().transform((value) =>
    // looked at whole: a cut could leave half an address
    typeof value === "string" && unfit(value) ? null : textOrNull(value, max)
  );

/** Words for people (a title, a name of a thing, a place): text or null; null also where an email or phone number is in it. */
export const words = (max: number) => clean(max, (text) => holdsContact(text));

/** As `words`, of what a person may have typed: a search, a discount code. */
export const typedWords = (max: number) => clean(max, (text) => holdsContact(text, true));

/** A shop's own code (SKU, order name, postal code), often all digits: null only where an email address is in it. */
export const code = (max: number) => clean(max, holdsEmail);

/** Text or null; null also where it is longer than `max`: for what is hashed, where half a value is another value. */
export const whole = (max: number) =>
  z.unknown().optional().transform((value) =>
    typeof value === "string" && value.length > max ? null : textOrNull(value, max)
  );

/** A Shopify id as digits, or null. */
export const id = z.unknown().optional().transform(shopifyId);

/** A cart or checkout token, or null. */
export const token = z.unknown().optional().transform(shopifyToken);

/** ISO 4217 code, or null. */
export const currency = z.unknown().optional().transform(currencyCode);

/** True, false or null. */
export const flag = z.unknown().optional().transform((value) => typeof value === "boolean" ? value : null);

/** Decimal string, from a string or a number; null and "" are null, anything else is the issue `not_a_decimal`. */
export const decimal = z.union([z.string(), z.number()]).nullish().transform((value, context) => {
  if (value === null || value === undefined || value === "") return null;
  const amount = decimalFrom(value);
  if (amount === null) context.addIssue({ code: "custom", message: "not_a_decimal" });
  return amount;
});

/** What somebody paid: a `decimal` that is not below zero, else the issue `negative`. */
export const paid = decimal.refine((amount) => amount === null || !amount.startsWith("-"), {
  message: "negative",
});

/** Units: a whole number from 0 to a million, given as number or digits. */
export const quantity = z.union([z.number(), z.string().regex(/^\d{1,7}$/).transform(Number)])
  .pipe(z.number().int().min(0).max(1_000_000));

/** An array of which the first `max` elements are looked at; null, missing or something else counts as empty. */
export const listOf = <T extends z.ZodType>(element: T, max: number) =>
  z.unknown().optional().transform((value) => Array.isArray(value) ? value.slice(0, max) : []).pipe(
    z.array(element),
  );

/** Where a schema refused and why: "line_items.0.price: not_a_decimal". Paths and codes, never values. */
export function issuesOf(error: z.ZodError): string[] {
  return error.issues.slice(0, MAX_ISSUES).map((issue) => {
    const code = issue.code === "custom" ? issue.message : issue.code;
    return `${issue.path.join(".") || "payload"}: ${code}`;
  });
}

/**
 * An amount as both sources write it: with the currency's number of fraction digits, more only where they count. Shopify's
 * webhooks say "88.50" where its pixel says 88.5.
 */
export function normalAmount(amount: string, code: string | null): string {
  const significant = (amount.split(".")[1] ?? "").replace(/(?<!0)0+$/, "").length;
  return roundDecimal(amount, Math.max(significant, currencyDigits(code ?? "")));
}

/** The sum as a line discount: "0" when there is none. */
export function discountSum(amounts: string[], code: string | null): string {
  const sum = amounts.reduce(addDecimal, "0");
  return compareDecimal(sum, "0") === 0 ? "0" : normalAmount(sum, code);
}
