import { validClickId } from "./cookies.ts";
import { IDENTIFIER_LIST, type IdentifierName } from "./identifiers.ts";

/** What a landing page's address says of the click that led there; a name is there only where a usable value is. */
export type ClickIds = Partial<Record<IdentifierName | "fbclid", string>>;

interface Parameter {
  name: keyof ClickIds;
  read: (value: unknown) => string | null;
}

const MAX_URL_PARAMETERS = 500;
const PARAMETERS = new Map<string, Parameter>();
/** By their names in small letters. */
const IN_ANY_CASE = new Map<string, Parameter>();
for (const { name, parameters, anyCase, made, read } of IDENTIFIER_LIST) {
  for (const parameter of parameters) {
    const places = anyCase ? IN_ANY_CASE : PARAMETERS;
    // what `_fbc` is made of is a click id like any other
    const found: Parameter = made ? { name: parameter as "fbclid", read: validClickId } : { name, read };
    places.set(anyCase ? parameter.toLowerCase() : parameter, found);
  }
}

/** Most parameters need no look at their case: none of these names is as long. */
const LENGTHS: ReadonlySet<number> = new Set([...IN_ANY_CASE.keys()].map((name) => name.length));

/** Percent-decoding only: `+` stays, because a click id is not a form value. Broken escapes leave the text as it is. */
function percentDecoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The click ids in a URL's query, absolute or relative; the first usable one of each. Never throws. Names count as they are
 * written, but for those the table knows in any case; values are kept byte for byte.
 */
export function clickIdsFromUrl(url: unknown): ClickIds {
  const found: ClickIds = {};
  if (typeof url !== "string") return found;
  const withoutFragment = url.split("#", 1)[0] ?? "";
  const start = withoutFragment.indexOf("?");
  if (start < 0) return found;
  for (const pair of withoutFragment.slice(start + 1).split("&", MAX_URL_PARAMETERS)) {
    const equals = pair.indexOf("=");
    if (equals < 0) continue;
    const written = percentDecoded(pair.slice(0, equals));
    const parameter = PARAMETERS.get(written) ??
      (LENGTHS.has(written.length) ? IN_ANY_CASE.get(written.toLowerCase()) : undefined);
    if (!parameter || found[parameter.name] !== undefined) continue;
    const value = parameter.read(percentDecoded(pair.slice(equals + 1)));
    if (value !== null) found[parameter.name] = value;
  }
  return found;
}
