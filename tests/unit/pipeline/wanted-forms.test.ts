import { expect, test } from "vitest";
import { ALL_FORMS } from "@trakit/core/identity/wanted.ts";
import type { Ingested } from "@trakit/db/calls/ingest-events.ts";
import { WantedForms } from "@trakit/pipeline/ingest/wanted-forms.ts";
import { wantedBy } from "../../support/platform-fields.ts";

function stored(...platforms: string[]): Pick<Ingested, "destinations"> {
  const one = { settings: {}, test_code: null, sealed: "", version: 1 };
  return {
    destinations: Object.fromEntries(platforms.map((platform, at) => [String(at), { ...one, platform }])),
  };
}

test("of a shop not heard of, all digests are made", () => {
  expect(new WantedForms().of("a.myshopify.com", 0)).toBe(ALL_FORMS);
});

test("what storing an event says of a shop's destinations counts for a minute, for that shop", () => {
  const forms = new WantedForms();
  forms.learn("a.myshopify.com", stored("meta"), 1_000);
  expect(forms.of("a.myshopify.com", 61_000)).toEqual(wantedBy(["meta"]));
  expect(forms.of("a.myshopify.com", 61_001)).toBe(ALL_FORMS);
  expect(forms.of("b.myshopify.com", 1_000)).toBe(ALL_FORMS);
});

test("a new destination counts from the next event on", () => {
  const forms = new WantedForms();
  forms.learn("a.myshopify.com", stored("meta"), 0);
  forms.learn("a.myshopify.com", stored("meta", "google"), 10);
  expect(forms.of("a.myshopify.com", 20)["street.letters"]).toBe(true);
});

test("an answer that names no destinations says nothing of them", () => {
  const forms = new WantedForms();
  forms.learn("a.myshopify.com", {}, 0);
  forms.learn("a.myshopify.com", stored(), 0);
  expect(forms.of("a.myshopify.com", 0)).toBe(ALL_FORMS);
});

test("a thousand shops are kept in mind, not more", () => {
  const forms = new WantedForms();
  for (let shop = 0; shop <= 1000; shop++) forms.learn(`${shop}.myshopify.com`, stored("meta"), 0);
  expect(forms.of("0.myshopify.com", 0)).toBe(ALL_FORMS);
  expect(forms.of("1000.myshopify.com", 0)).not.toBe(ALL_FORMS);
});
