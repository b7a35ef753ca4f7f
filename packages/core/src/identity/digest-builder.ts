/** The digests of one person, built field by field; see capture.ts. */
import type { Digests } from "../event.ts";
import { isoCountry } from "./countries.ts";
import { asDigest, sha256Hex } from "./digest.ts";
import { canonicalOf, type Form, FORMS, gmailOf, PHONE_FORMS } from "./forms.ts";
import { e164 } from "./phone.ts";
import type { ClearPerson } from "./person.ts";
import type { Field } from "./field-rules.ts";
import { usesRegionCode } from "./regions.ts";
import { isAscii, isWord, prepare, type Text } from "./text.ts";
import type { Wanted } from "./wanted.ts";

/** Vendors take lists, but what comes after a third email is another person's. */
const MAX_PER_FORM = 3;

/** Digests of one normal form; undefined where there are none. Forms that agree share one list: nobody may change it. */
type List = string[] | undefined;

/** A field's value as text, or as the digest it already is; null where there is nothing to send. */
type Read = Text | string | null;

/** The list of a normal form's digest. Forms often agree ("mary" is so in all four), and one SHA-256 costs more than looking. */
function listOf(normal: string | null, like: string | null = null, list: List = undefined): List {
  if (normal === null) return undefined;
  return normal === like ? list : [sha256Hex(normal)];
}

/** The list with one more digest, each once. */
function append(list: List, digest: string | null): List {
  if (digest === null) return list;
  if (list === undefined) return [digest];
  return list.length < MAX_PER_FORM && !list.includes(digest) ? [...list, digest] : list;
}

/** The digest of `normal`, or `digest` where `normal` is the text that one was made of. */
function hash(normal: string | null, like: string | null, digest: string | null): string | null {
  if (normal === null) return null;
  return normal === like ? digest : sha256Hex(normal);
}

/** Countries are a closed list of 250: each is hashed once. */
const countries = new Map<string, List>();

function countryList(country: string): List {
  let list = countries.get(country);
  if (list === undefined) {
    list = [sha256Hex(country.toLowerCase())];
    countries.set(country, list);
  }
  return list;
}

interface NameLists {
  compact: List;
  lower: List;
  words: List;
  letters: List;
}

/**
 * Builds the digests of one person. Digests are put under their names one by one and as literals: an object whose many keys
 * come out of variables is a hash table to the engine, twice as dear to make and to write as JSON.
 */
export class DigestBuilder {
  readonly digests: Digests = {};
  readonly dropped: Field[] = [];
  readonly country: string | null;
  readonly wanted: Wanted;

  constructor(country: string | null, wanted: Wanted) {
    this.country = country;
    this.wanted = wanted;
  }

  drop(field: Field): void {
    if (!this.dropped.includes(field)) this.dropped.push(field);
  }

  /** Drops the field where there is something and it is no text worth sending (a placeholder, too long). */
  read(field: Field, value: string | null | undefined): Read {
    if (typeof value !== "string") return null;
    const read = asDigest(value) ?? prepare(value);
    if (read === null && value.trim() !== "") this.drop(field);
    return read;
  }

  addEmails(values: string[]): void {
    let lower: List;
    let gmail: List;
    let canonical: List;
    for (const value of values) {
      const read = this.read("email", value);
      if (read === null) continue;
      if (typeof read === "string") {
        lower = append(lower, read);
        gmail = append(gmail, read);
        canonical = append(canonical, read);
        continue;
      }
      const address = FORMS["email.lower"](read);
      if (address === null) {
        this.drop("email");
        continue;
      }
      const digest = sha256Hex(address);
      lower = append(lower, digest);
      if (this.wanted["email.gmail"]) gmail = append(gmail, hash(gmailOf(address), address, digest));
      if (this.wanted["email.canonical"]) {
        canonical = append(canonical, hash(canonicalOf(address), address, digest));
      }
    }
    if (lower !== undefined) this.digests["email.lower"] = lower;
    if (gmail !== undefined && this.wanted["email.gmail"]) this.digests["email.gmail"] = gmail;
    if (canonical !== undefined && this.wanted["email.canonical"]) {
      this.digests["email.canonical"] = canonical;
    }
  }

  addPhones(values: ClearPerson["phones"]): void {
    let digits: List;
    let international: List;
    let chinese: List;
    for (let at = 0; at < values.length; at++) {
      if (sameBefore(values, at)) continue;
      const { value, country } = values[at]!;
      const read = this.read("phone", value);
      if (read === null) continue;
      if (typeof read === "string") {
        // Of which form is unknown, but not of the Chinese exception.
        digits = append(digits, read);
        international = append(international, read);
        continue;
      }
      const number = e164(read.lower, isoCountry(country) ?? this.country);
      if (number === null) {
        this.drop("phone");
        continue;
      }
      if (this.wanted["phone.digits"]) {
        digits = append(digits, sha256Hex(PHONE_FORMS["phone.digits"](number)));
      }
      international = append(international, sha256Hex(PHONE_FORMS["phone.e164"](number)));
      if (this.wanted["phone.national_cn"]) {
        chinese = append(chinese, hash(PHONE_FORMS["phone.national_cn"](number), null, null));
      }
    }
    if (digits !== undefined && this.wanted["phone.digits"]) this.digests["phone.digits"] = digits;
    if (international !== undefined) this.digests["phone.e164"] = international;
    if (chinese !== undefined) this.digests["phone.national_cn"] = chinese;
  }

  /** First and last names have the same four forms, and platforms want the same of both. */
  nameLists(field: "first_name" | "last_name", value: string | null): NameLists | null {
    const read = this.read(field, value);
    if (read === null) return null;
    if (typeof read === "string" || isWord(read)) {
      // A plain word is so in all four.
      const list = typeof read === "string" ? [read] : listOf(read.lower);
      return { compact: list, lower: list, words: list, letters: list };
    }
    const { wanted } = this;
    const whole = wanted["first_name.lower"] ? FORMS["first_name.lower"](read, null) : null;
    const lower = listOf(whole);
    const compact = wanted["first_name.compact"]
      ? listOf(FORMS["first_name.compact"](read, null), whole, lower)
      : undefined;
    const spaced = wanted["first_name.words"] ? FORMS["first_name.words"](read, null) : null;
    const words = listOf(spaced, whole, lower);
    const letters = wanted["first_name.letters"]
      ? listOf(FORMS["first_name.letters"](read, null), spaced, words)
      : undefined;
    if ((compact ?? lower ?? words ?? letters) === undefined) this.drop(field);
    return { compact, lower, words, letters };
  }

  addNames(first: string | null, last: string | null): void {
    const { digests, wanted } = this;
    const any = wanted["first_name.compact"] || wanted["first_name.lower"] || wanted["first_name.words"] ||
      wanted["first_name.letters"];
    if (!any) return;
    const one = this.nameLists("first_name", first);
    if (one?.compact !== undefined && wanted["first_name.compact"]) {
      digests["first_name.compact"] = one.compact;
    }
    if (one?.lower !== undefined && wanted["first_name.lower"]) digests["first_name.lower"] = one.lower;
    if (one?.words !== undefined && wanted["first_name.words"]) digests["first_name.words"] = one.words;
    if (one?.letters !== undefined && wanted["first_name.letters"]) {
      digests["first_name.letters"] = one.letters;
    }
    const two = this.nameLists("last_name", last);
    if (two?.compact !== undefined && wanted["last_name.compact"]) digests["last_name.compact"] = two.compact;
    if (two?.lower !== undefined && wanted["last_name.lower"]) digests["last_name.lower"] = two.lower;
    if (two?.words !== undefined && wanted["last_name.words"]) digests["last_name.words"] = two.words;
    if (two?.letters !== undefined && wanted["last_name.letters"]) digests["last_name.letters"] = two.letters;
  }

  /** The list of one form of a value. */
  listOfForm(value: string, form: Form): List {
    const read: Read = asDigest(value) ?? prepare(value);
    if (read === null) return undefined;
    return typeof read === "string" ? [read] : listOf(form(read, this.country));
  }

  /** The list of a field that has one form. */
  listOfField(field: Field, value: string | null | undefined, form: Form): List {
    if (typeof value !== "string") return undefined;
    const list = this.listOfForm(value, form);
    if (list === undefined && value.trim() !== "") this.drop(field);
    return list;
  }

  addCity(value: string | null): void {
    if (!this.wanted["city.compact"]) return;
    const read = this.read("city", value);
    if (read === null) return;
    const name = typeof read === "string" ? null : FORMS["city.compact"](read);
    const compact = typeof read === "string" ? [read] : listOf(name);
    if (compact === undefined) {
      this.drop("city");
      return;
    }
    this.digests["city.compact"] = compact;
    // Only where it is another text: beside the first one it would say nothing.
    if (typeof read === "string" || isAscii(read) || !this.wanted["city.folded"]) return;
    const plain = FORMS["city.folded"](read);
    if (plain !== null && plain !== name) this.digests["city.folded"] = [sha256Hex(plain)];
  }

  addCountry(value: string | null): void {
    if (!this.wanted["country.lower"]) return;
    const list = this.country === null
      ? this.listOfField("country", value, FORMS["country.lower"])
      : countryList(this.country);
    if (list !== undefined) this.digests["country.lower"] = list;
  }

  /** Made of the state's name or of its code, whichever the platform's rule wants first. */
  addRegion(name: string | null, code: string | null): void {
    const forMeta = usesRegionCode(this.country) ? code ?? name : name ?? code;
    const forCode = code ?? name;
    if (forMeta === null || forCode === null) return;
    if (!this.wanted["region.meta"] && !this.wanted["region.code"]) return;
    const meta = this.wanted["region.meta"] ? this.listOfForm(forMeta, FORMS["region.meta"]) : undefined;
    const short = this.wanted["region.code"] ? this.listOfForm(forCode, FORMS["region.code"]) : undefined;
    if (meta !== undefined) this.digests["region.meta"] = meta;
    if (short !== undefined) this.digests["region.code"] = short;
    // A province without a two-letter code is no loss: the platforms that want one take nothing else.
    if (meta === undefined && short === undefined && forMeta.trim() !== "" && forCode.trim() !== "") {
      this.drop("state");
    }
  }

  addPostalCode(value: string | null): void {
    if (!this.wanted["postal.alnum"] && !this.wanted["postal.spaceless"]) return;
    const read = this.read("zip", value);
    if (read === null) return;
    if (typeof read === "string") {
      if (this.wanted["postal.alnum"]) this.digests["postal.alnum"] = [read];
      if (this.wanted["postal.spaceless"]) this.digests["postal.spaceless"] = [read];
      return;
    }
    const normal = this.wanted["postal.alnum"] ? FORMS["postal.alnum"](read, this.country) : null;
    const alnum = listOf(normal);
    const spaceless = this.wanted["postal.spaceless"]
      ? listOf(FORMS["postal.spaceless"](read, this.country), normal, alnum)
      : undefined;
    if (alnum !== undefined) this.digests["postal.alnum"] = alnum;
    if (spaceless !== undefined) this.digests["postal.spaceless"] = spaceless;
    if (alnum === undefined && spaceless === undefined) this.drop("zip");
  }

  addExternalIds(values: string[]): void {
    let lower: List;
    let plain: List;
    for (const value of values) {
      const read = this.read("external_id", value);
      if (read === null) continue;
      if (typeof read === "string") {
        lower = append(lower, read);
        plain = append(plain, read);
        continue;
      }
      const normal = this.wanted["external_id.lower"] ? FORMS["external_id.lower"](read) : null;
      const digest = normal === null ? null : sha256Hex(normal);
      const other = this.wanted["external_id.plain"]
        ? hash(FORMS["external_id.plain"](read), normal, digest)
        : null;
      lower = append(lower, digest);
      plain = append(plain, other);
      if (digest === null && other === null) this.drop("external_id");
    }
    if (lower !== undefined && this.wanted["external_id.lower"]) this.digests["external_id.lower"] = lower;
    if (plain !== undefined && this.wanted["external_id.plain"]) this.digests["external_id.plain"] = plain;
  }
}

/** One number usually stands on the order, the customer and both addresses; reading it is the dearest step here. */
function sameBefore(phones: ClearPerson["phones"], at: number): boolean {
  const { value, country } = phones[at]!;
  for (let before = 0; before < at; before++) {
    if (phones[before]!.value === value && phones[before]!.country === country) return true;
  }
  return false;
}
