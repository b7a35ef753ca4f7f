import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EMPTY_CLIENT } from "@trakit/core/event.ts";
import { captureDigests, type ClearPerson } from "@trakit/core/identity/capture.ts";
import { CLEAR, type ClearName, normaliseClear } from "@trakit/core/identity/clear.ts";
import { isoCountry } from "@trakit/core/identity/countries.ts";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import { FORM_NAMES, type FormName, normalise } from "@trakit/core/identity/forms.ts";
import { hashField } from "@trakit/core/identity/hash-field.ts";
import {
  clearFor,
  digestsFor,
  type Field,
  FIELDS,
  PLATFORM_FIELDS,
  PLATFORMS,
} from "@trakit/core/identity/platforms.ts";

const EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const DIGEST = "62A14E44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

/** Strings as people and broken programs write them: any unit, lone surrogates, invisible characters, accents. */
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.array(
    fc.constantFrom(
      ..."aZé\u0301İıΣςß'’ʼ-·.@+0 9\t\u200b\ufeff\u00ad\u3000東م".split(""),
      "\ud800",
      "\udc00",
      "n/a",
      "null",
      "😀",
      "Ϊ",
    ),
    { maxLength: 25 },
  ).map((parts) => parts.join("")),
);
const anyCountry = fc.constantFrom(null, "US", "NL", "GB", "CN", "IT", "uk", "United States", "??", "");

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

describe("any input whatever", () => {
  test("gives the same normal form again when normalised twice", () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORM_NAMES), anyText, anyCountry, (form, value, country) => {
        // The national Chinese form has lost its country code: what it is made from is not it.
        fc.pre(form !== "phone.national_cn" && form !== "phone.digits");
        const once = normalise(form, value, country);
        if (once !== null) expect(normalise(form, once, country)).toBe(once);
      }),
      { numRuns: 3000 },
    );
  });

  test("gives a non-empty form without blanks around it, or none", () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORM_NAMES), anyText, anyCountry, (form, value, country) => {
        const normal = normalise(form, value, country);
        if (normal !== null) {
          expect(normal).not.toBe("");
          expect(normal).toBe(normal.trim());
          expect(normal).toBe(normal.normalize("NFC"));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("gives a digest, a clear form or nothing, never the digest of nothing", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PLATFORMS),
        fc.constantFrom(...FIELDS),
        anyText,
        anyCountry,
        (platform, field, value, country) => {
          const hashed = hashField({ platform, field, value, country });
          const rule = PLATFORM_FIELDS[platform][field];
          expect([rule.send, "nothing"]).toContain(hashed.send);
          if (hashed.send === "nothing") {
            expect(hashed).toEqual({ send: "nothing", value: null, normalised: null });
          }
          if (hashed.send === "digest") expect(hashed.value).toMatch(/^[0-9a-f]{64}$/);
          if (hashed.send === "clear") expect(hashed.value).toBe(hashed.normalised);
          expect(hashed.value).not.toBe(EMPTY_DIGEST);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test("decomposed, upper-case and invisibly padded spellings give one digest", () => {
    const letters = fc.string({
      unit: fc.constantFrom(..."abcxyzéüñçøåžšłőΔд".split("")),
      minLength: 1,
      maxLength: 20,
    });
    const forms: FormName[] = ["first_name.compact", "last_name.lower", "first_name.words", "city.compact"];
    fc.assert(
      fc.property(letters, fc.constantFrom(...forms), (name, form) => {
        const expected = normalise(form, name);
        expect(normalise(form, name.normalize("NFD"))).toBe(expected);
        expect(normalise(form, name.toUpperCase())).toBe(expected);
        expect(normalise(form, `\ufeff ${name.split("").join("\u200b")}\u00a0`)).toBe(expected);
      }),
    );
  });

  test("the ASCII short cut and the Unicode rule agree", () => {
    const ascii = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(
        ascii,
        fc.constantFrom(...FORM_NAMES),
        fc.constantFrom("US", "NL", null),
        (value, form, country) => {
          // An invisible character sends the same text down the long way.
          expect(normalise(form, `${value}\u200b`, country)).toBe(normalise(form, value, country));
          const withLetter = normalise(form, `é${value}`, country);
          if (
            /^(first|last)_name\.(compact|words|letters)$|^city\.compact$/.test(form) && withLetter !== null
          ) {
            expect(withLetter.slice(1).trim()).toBe(
              (normalise(form, `e${value}`, country) ?? "").slice(1).trim(),
            );
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("what already is a digest is passed on in lower case for every hashed field, never hashed again", () => {
    for (const platform of PLATFORMS) {
      for (const field of FIELDS) {
        if (PLATFORM_FIELDS[platform][field].send !== "digest") continue;
        expect(hashField({ platform, field, value: ` ${DIGEST} ` }).value).toBe(DIGEST.toLowerCase());
      }
    }
  });

  test("a digest never leaves as a town", () => {
    expect(hashField({ platform: "tiktok", field: "city", value: DIGEST }).send).toBe("nothing");
    expect(hashField({ platform: "google", field: "state", value: DIGEST }).send).toBe("nothing");
  });
});

describe("nothing to send", () => {
  const absent = [
    "",
    "  ",
    "\t",
    "\u200b",
    "null",
    "NULL",
    "undefined",
    "n/a",
    "N/A",
    "None",
    "[object Object]",
    "(not set)",
  ];
  test.each(absent)("%j is left out of every field of every platform", (value) => {
    for (const platform of PLATFORMS) {
      for (const field of FIELDS) expect(hashField({ platform, field, value }).send).toBe("nothing");
    }
  });

  test.each<[Field, string]>([
    ["email", "jane@"],
    ["email", "@example.com"],
    ["email", "jane@example"],
    ["email", "jane@@example.com"],
    ["email", "jane@example..com"],
    ["email", "jane@.com"],
    ["email", "jane@example.com."],
    ["email", "a@example.com,b@example.com"],
    ["email", "Jane <jane@example.com>"],
    ["email", `${"a".repeat(250)}@example.com`],
    ["phone", "123"],
    ["phone", "0000000000"],
    ["phone", "+999 1234567"],
    ["phone", "call me"],
    ["first_name", "."],
    ["first_name", "-"],
    ["first_name", "12"],
    ["first_name", "x".repeat(600)],
    ["city", "--"],
    ["zip", "-"],
    ["zip", "1".repeat(30)],
    ["country", "XX"],
    ["country", "Atlantis"],
    ["gender", "yes"],
    ["date_of_birth", "1899-12-31"],
    ["date_of_birth", "1990-02-30"],
    ["date_of_birth", "21-05-90"],
    ["date_of_birth", "soon"],
  ])("%s %j is refused", (field, value) => {
    expect(hashField({ platform: "meta", field, value, country: "US" }).send).toBe("nothing");
  });

  test("gender n goes only where the platform knows it", () => {
    const send = (platform: (typeof PLATFORMS)[number]) =>
      hashField({ platform, field: "gender", value: "non-binary" }).send;
    expect(PLATFORMS.map(send)).toEqual(["nothing", "nothing", "digest", "nothing", "nothing"]);
    const digests = { "gender.letter": [sha256Hex("n"), sha256Hex("f")] };
    expect(digestsFor("meta", "gender", digests)).toEqual([sha256Hex("f")]);
    expect(digestsFor("snapchat", "gender", digests)).toEqual([sha256Hex("f")]);
    expect(digestsFor("pinterest", "gender", digests)).toEqual([sha256Hex("n"), sha256Hex("f")]);
    expect(digestsFor("google", "gender", digests)).toEqual([]);
  });
});

describe("states, postal codes, countries and dates", () => {
  test.each<[FormName, string, string | null, string | null]>([
    ["region.meta", "California", null, "ca"],
    ["region.meta", "US-CA", "US", "ca"],
    ["region.meta", "District of Columbia", "US", "dc"],
    ["region.meta", "Québec", "CA", "qc"],
    ["region.meta", "New South Wales", "AU", "nsw"],
    ["region.meta", "NSW", "AU", "nsw"],
    ["region.meta", "Montana", "BG", "montana"],
    ["region.meta", "Île-de-France", "FR", "îledefrance"],
    ["region.code", "California", "US", "ca"],
    ["region.code", "US-NY", null, "ny"],
    ["region.code", "Western Australia", "AU", "wa"],
    ["region.code", "NSW", "AU", null],
    ["region.code", "ENG", "GB", null],
    ["region.code", "JP-13", "JP", null],
    ["region.code", "Noord-Holland", "NL", null],
    ["postal.alnum", "940351234", "US", "94035"],
    ["postal.alnum", "94035-1234", null, "94035"],
    ["postal.alnum", "12345-6789", "SA", "123456789"],
    ["postal.alnum", "00901", "PR", "00901"],
    ["postal.alnum", "100-0001", "JP", "1000001"],
    ["postal.spaceless", "100-0001", "JP", "100-0001"],
    ["country.lower", "usa", null, "us"],
    ["country.lower", "El", null, "gr"],
    ["country.lower", "Côte", null, null],
    ["country.lower", "Österreich", null, "at"],
    ["country.lower", "The Netherlands", null, "nl"],
    ["birth.yyyymmdd", "1990-05-21T00:00:00Z", null, "19900521"],
    ["birth.yyyymmdd", "3/4/1990", "US", "19900304"],
    ["birth.yyyymmdd", "3/4/1990", "GB", "19900403"],
    ["birth.yyyymmdd", "2/16/1997", "GB", "19970216"],
    ["birth.yyyymmdd", "3.4.1990", "US", "19900403"],
    ["birth.yyyymmdd", "2000-02-29", null, "20000229"],
    ["birth.yyyymmdd", "1900-02-29", null, null],
    ["first_name.compact", "O´Brien", null, "obrien"],
    ["first_name.compact", "OʼBrien", null, "obrien"],
    ["first_name.compact", "İsmail", null, "i̇smail"],
    ["first_name.compact", "ab\ud800c", null, "ab\ud800c"],
    ["external_id.lower", "gid 12", null, "gid12"],
    ["external_id.plain", " User-123 ", null, "User-123"],
    ["email.gmail", "...@gmail.com", null, null],
  ])("%s of %j in %s is %j", (form, value, country, expected) => {
    expect(normalise(form, value, country)).toBe(expected);
  });

  test("a user id is sent in clear, an email address as one is not", () => {
    expect(hashField({ platform: "google", field: "external_id", value: " 7012345678901 " })).toEqual({
      send: "clear",
      value: "7012345678901",
      normalised: "7012345678901",
    });
    expect(hashField({ platform: "google", field: "external_id", value: "jane@example.com" }).send).toBe(
      "nothing",
    );
  });

  test("every ISO code stands for itself in any case", () => {
    for (const code of ["AC", "GB", "NL", "US", "XK", "ZW"]) {
      expect([isoCountry(code), isoCountry(code.toLowerCase())]).toEqual([code, code]);
    }
  });

  test("clear forms of any input are trimmed, stable and never blank", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(CLEAR) as ClearName[])),
        anyText,
        anyCountry,
        (name, value, country) => {
          const clear = normaliseClear(name, value, country);
          if (clear === null) return;
          expect(clear).not.toBe("");
          expect(normaliseClear(name, clear, country)).toBe(clear);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("the client block gives each platform its own clear form", () => {
    const client = {
      ...EMPTY_CLIENT,
      city: "'s-Hertogenbosch",
      region: "Noord-Brabant",
      region_code: "NB",
      postal_code: " 5211 AB ",
      country: "NL",
    };
    const all = (platform: "tiktok" | "google" | "meta") =>
      (["city", "state", "zip", "country"] as const).map((field) => clearFor(platform, field, client));
    expect(all("tiktok")).toEqual(["shertogenbosch", "nb", null, "nl"]);
    expect(all("google")).toEqual(["shertogenbosch", "nb", "5211 AB", "NL"]);
    expect(all("meta")).toEqual([null, null, null, null]);
  });
});

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
        const value =
          PLATFORM_FIELDS[platform][field].send === "digest" && field === "state" && platform !== "meta"
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
    expect(Object.keys(digests)).toEqual(["email.lower", "email.gmail"]);
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
