import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { sha256Hex } from "@trakit/core/identity/digest.ts";
import type { Field } from "@trakit/core/identity/field-rules.ts";
import { PLATFORMS } from "@trakit/destinations/registry.ts";
import { fieldsOf, hashField } from "../../support/platform-fields.ts";

/** Inputs, normal forms and digests by the five vendors' rules (docs/references), in the form `trakit hash --stdin` reads. */
interface Vector {
  platform: string;
  field: Field;
  value: string;
  country?: string;
  /** Null = to be left out. */
  normalised: string | null;
  /** Null = the platform gets the normal form in clear, or nothing. */
  digest: string | null;
  /** Another reading of the same input, by another rule or by mistake: the platform must not get it. */
  must_differ?: true;
}

const vectors = readFileSync(new URL("./identity-vectors.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Vector);
const right = vectors.filter((vector) => !vector.must_differ);
const wrong = vectors.filter((vector) => vector.must_differ);

function title({ platform, field, value, country, normalised }: Vector): string {
  return `${platform} ${field} ${JSON.stringify(value)} ${country ?? ""} ${normalised ?? "left out"}`;
}

describe("every vector of the vendors' references", () => {
  test("the list is whole", () => {
    expect([right.length, wrong.length]).toEqual([157, 8]);
  });

  test.each(vectors.map((vector) => [title(vector), vector] as const))(
    "%s: digest and normal form of the list agree",
    (_, { normalised, digest }) => {
      if (digest !== null) expect(sha256Hex(normalised ?? "")).toBe(digest);
    },
  );

  test.each(right.map((vector) => [title(vector), vector] as const))("%s", (_, vector) => {
    const { normalised, digest } = vector;
    const expected = normalised === null
      ? { send: "nothing", value: null, normalised: null }
      : digest === null
      ? { send: "clear", value: normalised, normalised }
      : { send: "digest", value: digest, normalised };
    expect(hashField(vector)).toEqual(expected);
  });

  // First and last names follow one rule everywhere.
  test.each(
    right.filter(({ field }) => field === "first_name").map((vector) => [title(vector), vector] as const),
  )(
    "%s, as a last name",
    (_, vector) => {
      expect(hashField({ ...vector, field: "last_name" }).value).toBe(vector.digest);
    },
  );

  test.each(wrong.map((vector) => [title(vector), vector] as const))(
    "%s: is not what is sent",
    (_, vector) => {
      const sent = hashField(vector);
      expect(sent.normalised).not.toBe(vector.normalised);
      expect(sent.value).not.toBe(vector.digest);
    },
  );
});

describe("the table of platforms and fields", () => {
  test("email, phone, names, street and date of birth leave only as digests, whatever the platform", () => {
    const personal: Field[] = [
      "email",
      "phone",
      "first_name",
      "last_name",
      "street",
      "date_of_birth",
      "gender",
    ];
    for (const platform of PLATFORMS) {
      for (const field of personal) expect(fieldsOf(platform)[field].send).not.toBe("clear");
    }
  });
});
