import type { Digests } from "../event.ts";
import { isoCountry } from "./countries.ts";
import { asDigest, sha256Hex } from "./digest.ts";
import { type Form, FORM_NAMES, type FormName, FORMS, PHONE_FORMS } from "./forms.ts";
import { e164 } from "./phone.ts";
import type { Field } from "./platforms.ts";
import { usesRegionCode } from "./regions.ts";
import { prepare, type Text } from "./text.ts";

/** A person in clear text, as an order, a checkout or a form shows them. Lives in memory only. */
export interface ClearPerson {
  /** Best first. */
  emails: string[];
  /** Best first, each with the country of its own address (any spelling), null = unknown. */
  phones: { value: string; country: string | null }[];
  first_name: string | null;
  last_name: string | null;
  street: string | null;
  city: string | null;
  /** Full name of the state or province. */
  region: string | null;
  /** Its code, as Shopify's `province_code`. */
  region_code: string | null;
  postal_code: string | null;
  country: string | null;
  external_ids: string[];
  gender?: string | null;
  date_of_birth?: string | null;
}

/** Vendors take lists, but what comes after a third email is another person's. */
const MAX_PER_FORM = 3;

type Computed = readonly (readonly [FormName, Form])[];

/** Every form of a field: the part of a form's name before the dot is the field it is made of. */
function formsOf(field: string): Computed {
  return FORM_NAMES.filter((name) => name.startsWith(`${field}.`)).map((name) => [name, FORMS[name]]);
}

const EMAIL = formsOf("email");
const FIRST_NAME = formsOf("first_name");
const LAST_NAME = formsOf("last_name");
const STREET = formsOf("street");
const CITY = formsOf("city");
/** Made of the state's name or of its code, whichever the platform's rule wants first. */
const REGION_META: Computed = [["region.meta", FORMS["region.meta"]]];
const REGION_CODE: Computed = [["region.code", FORMS["region.code"]]];
const POSTAL = formsOf("postal");
const COUNTRY = formsOf("country");
const GENDER = formsOf("gender");
const BIRTH = formsOf("birth");
const EXTERNAL_ID = formsOf("external_id");
const PHONE = Object.entries(PHONE_FORMS) as [FormName, (number: string) => string | null][];
/** A phone that came as a digest: of which form is unknown, but not of the Chinese exception. */
const PHONE_DIGEST: Computed = [["phone.digits", FORMS["phone.digits"]], ["phone.e164", FORMS["phone.e164"]]];

function isBlank(value: string | null | undefined): boolean {
  return typeof value !== "string" || value.trim() === "";
}

/**
 * All digests of a person, by normal form: each form computed once, at most 3 different digests a form, best first.
 * A value that already is a digest goes into every form of its field. A phone without a country of its own is read in
 * the person's. `dropped` names, once each and without the value, the fields that had something unusable in them (a
 * phone whose country is unknown, an email without a domain …). Never throws.
 */
export function captureDigests(person: ClearPerson): { digests: Digests; dropped: Field[] } {
  const digests: Digests = {};
  const dropped = new Set<Field>();
  // Forms often agree ("mary" is so in all four), and one SHA-256 costs more than the look-up.
  const hashes = new Map<string, string>();
  const country = isoCountry(person.country);

  function put(form: FormName, digest: string): void {
    const list = digests[form];
    if (list === undefined) digests[form] = [digest];
    else if (list.length < MAX_PER_FORM && !list.includes(digest)) list.push(digest);
  }

  function hashed(form: FormName, normal: string | null): boolean {
    if (normal === null) return false;
    let digest = hashes.get(normal);
    if (digest === undefined) {
      digest = sha256Hex(normal);
      hashes.set(normal, digest);
    }
    put(form, digest);
    return true;
  }

  /** Puts the digest where the value is one already. */
  function passed(value: string, computed: Computed): boolean {
    const digest = asDigest(value);
    if (digest === null) return false;
    for (const [form] of computed) put(form, digest);
    return true;
  }

  /** True unless there was something and no form came of it. */
  function usable(value: string | null | undefined, computed: Computed): boolean {
    if (isBlank(value)) return true;
    if (passed(value as string, computed)) return true;
    const text: Text | null = prepare(value);
    if (text === null) return false;
    let any = false;
    for (const [form, compute] of computed) any = hashed(form, compute(text, country)) || any;
    return any;
  }

  function take(field: Field, value: string | null | undefined, computed: Computed): void {
    if (!usable(value, computed)) dropped.add(field);
  }

  function takePhone(value: string, own: string | null): void {
    if (isBlank(value) || passed(value, PHONE_DIGEST)) return;
    const text = prepare(value);
    const number = text === null ? null : e164(text.lower, isoCountry(own) ?? country);
    if (number === null) {
      dropped.add("phone");
      return;
    }
    for (const [form, compute] of PHONE) hashed(form, compute(number));
  }

  for (const email of person.emails) take("email", email, EMAIL);
  const seen = new Set<string>();
  for (const phone of person.phones) {
    // One number usually stands on the order, the customer and both addresses; reading it is the dearest step here.
    const key = `${phone.country}|${phone.value}`;
    if (seen.has(key)) continue;
    seen.add(key);
    takePhone(phone.value, phone.country);
  }
  take("first_name", person.first_name, FIRST_NAME);
  take("last_name", person.last_name, LAST_NAME);
  take("street", person.street, STREET);
  take("city", person.city, CITY);
  const [name, code] = [person.region || null, person.region_code || null];
  const byMeta = usable(usesRegionCode(country) ? code ?? name : name ?? code, REGION_META);
  const byCode = usable(code ?? name, REGION_CODE);
  // A province without a two-letter code is no loss: the platforms that want one take nothing else.
  if (!byMeta && !byCode) dropped.add("state");
  take("zip", person.postal_code, POSTAL);
  take("country", person.country, COUNTRY);
  take("gender", person.gender, GENDER);
  take("date_of_birth", person.date_of_birth, BIRTH);
  for (const id of person.external_ids) take("external_id", id, EXTERNAL_ID);
  return { digests, dropped: [...dropped] };
}
