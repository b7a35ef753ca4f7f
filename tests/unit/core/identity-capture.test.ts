import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import type { ClearPerson } from "@trakit/core/identity/person.ts";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import { FORM_NAMES, type FormName } from "@trakit/core/identity/forms.ts";
import { type Field, FIELDS } from "@trakit/core/identity/field-rules.ts";
import { ALL_FORMS } from "@trakit/core/identity/wanted.ts";
import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { digestsFor, fieldsOf, hashField, wantedBy } from "../../support/platform-fields.ts";
import { anyCountry, anyText } from "./identity-arbitrary.ts";

const EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const DIGEST = "62A14E44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

const NOBODY: ClearPerson = {
  emails: [],
  phones: [],
  first_name: null,
  last_name: null,
  street: null,
  city: null,
  region: null,
  region_code: null,
  postal_code: null,
  country: null,
  external_ids: [],
};

describe("captureDigests", () => {
  const PERSON: ClearPerson = {
    emails: ["Jane.Doe@Gmail.com", " jane.doe@gmail.com"],
    phones: [
      { value: "06-12345678", country: "NL" },
      { value: "+31 6 12345678", country: null },
    ],
    first_name: "Zoë",
    last_name: "de Vries",
    street: "Keizersgracht 123-II",
    city: "Amsterdam",
    region: "Noord-Holland",
    region_code: "NH",
    postal_code: "1012 AB",
    country: "NL",
    external_ids: ["7012345678901"],
    gender: "Female",
    date_of_birth: "1985-12-03",
  };

  test("gives every platform what hashField gives it", () => {
    const { digests, dropped } = captureDigests(PERSON);
    expect(dropped).toEqual([]);
    const values: Record<Field, string> = {
      email: "Jane.Doe@Gmail.com",
      phone: "06-12345678",
      first_name: "Zoë",
      last_name: "de Vries",
      street: "Keizersgracht 123-II",
      city: "Amsterdam",
      state: "Noord-Holland",
      zip: "1012 AB",
      country: "NL",
      gender: "Female",
      date_of_birth: "1985-12-03",
      external_id: "7012345678901",
    };
    for (const platform of PLATFORMS) {
      for (const field of FIELDS) {
        // Pinterest and Snapchat take the code, which the person has beside the name.
        const value = fieldsOf(platform)[field].send === "digest" && field === "state" && platform !== "meta"
          ? "NH"
          : values[field];
        const hashed = hashField({ platform, field, value, country: "NL" });
        expect([platform, field, digestsFor(platform, field, digests)]).toEqual([
          platform,
          field,
          hashed.send === "digest" ? [hashed.value] : [],
        ]);
      }
    }
  });

  test("contains no clear text at all", () => {
    const { digests } = captureDigests(PERSON);
    for (const list of Object.values(digests)) {
      for (const digest of list) expect(digest).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test("a Chinese phone has both readings for TikTok, the plus form first", () => {
    const { digests } = captureDigests({ ...NOBODY, phones: [{ value: "138 0000 0000", country: "CN" }] });
    expect(digestsFor("tiktok", "phone", digests)).toEqual([
      "cc0058bc7784ae0358acf0c091025c7a69d400e148d8688badfa029c9f8c686e",
      "359ea74a80a57accd42a7311ed96eca04f3e631d0ab34ea76808c543240d8a68",
    ]);
    expect(digestsFor("google", "phone", digests)).toHaveLength(1);
  });

  test("a city with other letters is told to Meta in plain ones too, as its reference has it", () => {
    const { digests } = captureDigests({ ...NOBODY, city: "São Paulo" });
    expect(digestsFor("meta", "city", digests)).toEqual([
      "3eda1428ae1aece064071f8d40f08fe2bc59ffa66c171a163caf15122ec4d7f0",
      "8f7f2f7ccd3f2898cf4850905346e8fb333d00aac1c974f8f37326e068cf7b1e",
    ]);
    expect(digestsFor("pinterest", "city", digests)).toHaveLength(1);
    for (const city of ["Amsterdam", "New York", "東京"]) {
      expect(digestsFor("meta", "city", captureDigests({ ...NOBODY, city }).digests)).toHaveLength(1);
    }
    const folded = (city: string) => captureDigests({ ...NOBODY, city }).digests["city.folded"];
    expect(folded("Łódź")).toEqual([sha256Hex("lodz")]);
    expect(folded("Gießen")).toEqual([sha256Hex("giessen")]);
    expect(folded("Århus")).toEqual([sha256Hex("arhus")]);
  });

  test("keeps at most three different values a form, the best first", () => {
    const emails = ["a@example.com", "A@example.com", "b@example.com", "c@example.com", "d@example.com"];
    const { digests } = captureDigests({ ...NOBODY, emails });
    expect(digests["email.lower"]).toEqual(
      ["a@example.com", "b@example.com", "c@example.com"].map(sha256Hex),
    );
  });

  test("names the fields with something unusable in them, once, and nothing for absent ones", () => {
    const { digests, dropped } = captureDigests({
      ...NOBODY,
      emails: ["not-an-email", "also not", "jane@example.com"],
      phones: [{ value: "06-12345678", country: null }, { value: "", country: null }],
      first_name: " ",
      last_name: "n/a",
      region: "--",
      country: "Atlantis",
      gender: "",
    });
    expect(dropped).toEqual(["email", "phone", "last_name", "state", "country"]);
    expect(Object.keys(digests)).toEqual(["email.lower", "email.gmail", "email.canonical"]);
  });

  test("a phone without a country of its own is read in the person's", () => {
    const { digests } = captureDigests({
      ...NOBODY,
      country: "NL",
      phones: [{ value: "06-12345678", country: null }],
    });
    expect(digests["phone.digits"]).toEqual([sha256Hex("31612345678")]);
  });

  test("a British mobile on a Dutch address does not become a Dutch number", () => {
    const { digests, dropped } = captureDigests({
      ...NOBODY,
      phones: [{ value: "07911 123456", country: "NL" }],
    });
    expect([digests, dropped]).toEqual([{}, ["phone"]]);
  });

  test("values that came as digests are kept as they are, in every form of their field", () => {
    const { digests } = captureDigests({
      ...NOBODY,
      emails: [DIGEST],
      phones: [{ value: DIGEST, country: null }],
      region: DIGEST,
    });
    const digest = DIGEST.toLowerCase();
    expect(digests).toEqual({
      "email.lower": [digest],
      "email.gmail": [digest],
      "email.canonical": [digest],
      "phone.digits": [digest],
      "phone.e164": [digest],
      "region.meta": [digest],
      "region.code": [digest],
    });
  });

  test("US, Canadian and Australian states go to Meta by their code, others by name", () => {
    const region = (country: string, name: string | null, code: string | null) =>
      captureDigests({ ...NOBODY, country, region: name, region_code: code }).digests;
    expect(region("US", "California", "CA")["region.meta"]).toEqual([sha256Hex("ca")]);
    expect(region("CA", "Ontario", null)["region.code"]).toEqual([sha256Hex("on")]);
    expect(region("AU", "New South Wales", "NSW")).not.toHaveProperty("region.code");
    expect(region("NL", "Noord-Holland", "NH")).toMatchObject({
      "region.meta": [sha256Hex("noordholland")],
      "region.code": [sha256Hex("nh")],
    });
  });

  test("any person gives only digests of known forms", () => {
    const maybe = fc.option(anyText, { nil: null });
    const person = fc.record({
      emails: fc.array(anyText, { maxLength: 4 }),
      phones: fc.array(fc.record({ value: anyText, country: anyCountry }), { maxLength: 4 }),
      first_name: maybe,
      last_name: maybe,
      street: maybe,
      city: maybe,
      region: maybe,
      region_code: maybe,
      postal_code: maybe,
      country: maybe,
      external_ids: fc.array(anyText, { maxLength: 4 }),
      gender: maybe,
      date_of_birth: maybe,
    });
    fc.assert(
      fc.property(person, (one) => {
        const { digests, dropped } = captureDigests(one);
        for (const [form, list] of Object.entries(digests)) {
          expect(FORM_NAMES).toContain(form);
          expect(new Set(list).size).toBe(list.length);
          expect(list.length).toBeGreaterThan(0);
          expect(list.length).toBeLessThanOrEqual(3);
          for (const digest of list) expect(digest).toMatch(/^[0-9a-f]{64}$/);
          expect(list).not.toContain(EMPTY_DIGEST);
        }
        expect(new Set(dropped).size).toBe(dropped.length);
      }),
      { numRuns: 500 },
    );
  });
});

describe("only what a shop's platforms take", () => {
  const value = fc.oneof(
    anyText,
    fc.constantFrom("Zoë", "O'Brien", "Köln", "NH", "1012 AB", "a.b+c@gmail.com", DIGEST),
  );
  const person = fc.record({
    emails: fc.array(value, { maxLength: 3 }),
    phones: fc.array(
      fc.record({ value: fc.oneof(value, fc.constant("06-12345678")), country: fc.constantFrom("NL", null) }),
      { maxLength: 3 },
    ),
    first_name: fc.option(value),
    last_name: fc.option(value),
    street: fc.option(value),
    city: fc.option(value),
    region: fc.option(value),
    region_code: fc.option(value),
    postal_code: fc.option(value),
    country: anyCountry,
    external_ids: fc.array(value, { maxLength: 3 }),
    gender: fc.option(value),
    date_of_birth: fc.option(value),
  });

  test("whoever is asked for, they get what they would get of all", () => {
    fc.assert(
      fc.property(fc.subarray([...PLATFORMS]), person, (platforms, clear) => {
        const wanted = wantedBy(platforms);
        const all = captureDigests(clear).digests;
        expect(captureDigests(clear, wanted).digests).toEqual(
          Object.fromEntries(Object.entries(all).filter(([form]) => wanted[form as FormName])),
        );
        for (const platform of platforms) {
          for (const field of FIELDS) {
            const some = captureDigests(clear, wanted).digests;
            expect(digestsFor(platform, field, some)).toEqual(digestsFor(platform, field, all));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("what joins a visitor's events is made for every shop, and a platform nobody knows gets everything", () => {
    const none = wantedBy([]);
    expect(FORM_NAMES.filter((form) => none[form])).toEqual(["email.lower", "phone.e164"]);
    expect(wantedBy(["meta", "a_later_one"])).toBe(ALL_FORMS);
    expect(wantedBy(["meta"])["street.letters"]).toBe(false);
  });
});
