import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EMPTY_CLIENT } from "@trakit/core/event.ts";
import { CLEAR, type ClearName, normaliseClear } from "@trakit/core/identity/clear.ts";
import { isoCountry } from "@trakit/core/identity/countries.ts";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import { FORM_NAMES, type FormName, normalise } from "@trakit/core/identity/forms.ts";
import { type Field, FIELDS } from "@trakit/core/identity/field-rules.ts";
import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { clearFor, digestsFor, fieldsOf, hashField } from "../../support/platform-fields.ts";
import { anyCountry, anyText } from "./identity-arbitrary.ts";

const EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const DIGEST = "62A14E44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f";

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
          const rule = fieldsOf(platform)[field];
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
        if (fieldsOf(platform)[field].send !== "digest") continue;
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
    const send = (platform: string) => hashField({ platform, field: "gender", value: "non-binary" }).send;
    expect(PLATFORMS.map(send)).toEqual(["nothing", "nothing", "digest", "nothing", "nothing", "nothing"]);
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
    ["first_name.words", "O\u02bcBrien", null, "obrien"],
    ["first_name.letters", "O\u02bcBrien", null, "obrien"],
    ["first_name.lower", "O\u02bcBrien", null, "o\u02bcbrien"],
    ["first_name.compact", "İsmail", null, "i̇smail"],
    ["first_name.compact", "ab\ud800c", null, "ab\ud800c"],
    ["external_id.lower", "gid 12", null, "gid12"],
    ["external_id.plain", " User-123 ", null, "User-123"],
    ["email.gmail", "...@gmail.com", null, null],
    ["email.canonical", "Al.ice$+Apple@Example.Com", null, "alice@example.com"],
    ["email.canonical", "+tag@example.com", null, null],
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
    // A shop may use digests as its ids: that is then the id.
    expect(hashField({ platform: "google", field: "external_id", value: DIGEST }).value).toBe(DIGEST);
  });

  test("every ISO code stands for itself in any case", () => {
    for (const code of ["AC", "GB", "NL", "US", "XK", "ZW"]) {
      expect([isoCountry(code), isoCountry(code.toLowerCase())]).toEqual([code, code]);
    }
  });

  test("a clear form that is a placeholder once its dots are gone is left out", () => {
    expect(normaliseClear("postal.plain", "null.")).toBeNull();
    expect(normaliseClear("postal.plain", "~un.known")).toBeNull();
    expect(normaliseClear("postal.plain", "SW1A.1AA")).toBe("SW1A1AA");
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
