/** The fields of the checkout: what was typed, what is wrong with it, what a country prefills. */
import { COUNTRIES, isCountryCode } from "./countries.ts";
import type { Buyer, CountryCode } from "./countries.ts";
import { CURRENCIES } from "./money.ts";
import type { Currency } from "./money.ts";
import { findDiscount } from "./pricing.ts";

export interface CheckoutForm {
  country: CountryCode;
  /** The country whose demo buyer filled the fields in. */
  prefilledFor: CountryCode;
  currency: Currency;
  buyer: Buyer;
  /** As typed. */
  discountCode: string;
  acceptsMarketing: boolean;
  test: boolean;
}

export type FormErrors = Partial<Record<keyof Buyer | "discount", string>>;

const FIELDS: (keyof Buyer)[] = [
  "email",
  "phone",
  "first_name",
  "last_name",
  "address1",
  "address2",
  "city",
  "zip",
  "province_code",
];

/** A fresh form, filled in by the country's demo buyer. */
export function freshForm(country: CountryCode, currency: Currency): CheckoutForm {
  return {
    country,
    prefilledFor: country,
    currency,
    buyer: { ...COUNTRIES[country].buyer },
    discountCode: "",
    acceptsMarketing: false,
    test: false,
  };
}

/** Reads a posted form; what is missing or not allowed falls back to `country` and `currency`. */
export function readForm(fields: URLSearchParams, country: CountryCode, currency: Currency): CheckoutForm {
  const text = (name: string): string => (fields.get(name) ?? "").trim().slice(0, 255);
  const posted = text("country");
  const before = text("prefilled_for");
  const chosen = CURRENCIES.find((known) => known === text("currency"));
  return {
    country: isCountryCode(posted) ? posted : country,
    prefilledFor: isCountryCode(before) ? before : country,
    currency: chosen ?? currency,
    buyer: Object.fromEntries(FIELDS.map((field) => [field, text(field)])) as unknown as Buyer,
    discountCode: text("discount"),
    acceptsMarketing: fields.get("accepts_marketing") === "1",
    test: fields.get("test") === "1",
  };
}

/** After the country changed: what the old demo buyer had filled in gives way to the new one, typed text stays. */
export function followCountry(form: CheckoutForm): CheckoutForm {
  if (form.country === form.prefilledFor) return form;
  const old = COUNTRIES[form.prefilledFor].buyer;
  const next = COUNTRIES[form.country].buyer;
  const buyer = { ...form.buyer };
  for (const field of FIELDS) {
    if (buyer[field] === old[field]) buyer[field] = next[field];
  }
  if (!(buyer.province_code in COUNTRIES[form.country].provinces)) buyer.province_code = next.province_code;
  return { ...form, buyer, prefilledFor: form.country };
}

/** What stands in the way of paying; empty when nothing does. */
export function checkForm(form: CheckoutForm, ships: boolean): FormErrors {
  const errors: FormErrors = {};
  if (!/^[^\s@<>"]+@(?:[^\s@<>".]+\.)+[^\s@<>".]{2,}$/.test(form.buyer.email)) {
    errors.email = "Enter an e-mail address";
  }
  if (form.buyer.phone !== "" && !/^\+?[\d ()./-]{6,30}$/.test(form.buyer.phone)) {
    errors.phone = "Enter a phone number or leave it empty";
  }
  if (form.buyer.last_name === "") errors.last_name = "Enter a last name";
  if (ships) {
    if (form.buyer.address1 === "") errors.address1 = "Enter an address";
    if (form.buyer.city === "") errors.city = "Enter a city";
    if (form.buyer.zip === "") errors.zip = "Enter a postal code";
  }
  if (form.discountCode !== "" && findDiscount(form.discountCode) === null) {
    errors.discount = "This code is not valid";
  }
  return errors;
}
