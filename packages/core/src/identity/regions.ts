/** States and provinces, and what the platforms take of them. */
import { compact, isAscii, isWord, type Text } from "./text.ts";

/** Where Meta takes the code; elsewhere it takes the full name (reference: meta §4). */
const CODED_COUNTRIES: ReadonlySet<string> = new Set(["US", "CA", "AU"]);

/** Code → names in compact form, by country. Codes are Shopify's `province_code` in lower case. */
const NAMES: Record<string, Record<string, string>> = {
  US: {
    al: "alabama",
    ak: "alaska",
    as: "americansamoa",
    az: "arizona",
    ar: "arkansas",
    ca: "california",
    co: "colorado",
    ct: "connecticut",
    de: "delaware",
    dc: "districtofcolumbia washingtondc",
    fm: "micronesia federatedstatesofmicronesia",
    fl: "florida",
    ga: "georgia",
    gu: "guam",
    hi: "hawaii",
    id: "idaho",
    il: "illinois",
    in: "indiana",
    ia: "iowa",
    ks: "kansas",
    ky: "kentucky",
    la: "louisiana",
    me: "maine",
    mh: "marshallislands",
    md: "maryland",
    ma: "massachusetts",
    mi: "michigan",
    mn: "minnesota",
    ms: "mississippi",
    mo: "missouri",
    mt: "montana",
    ne: "nebraska",
    nv: "nevada",
    nh: "newhampshire",
    nj: "newjersey",
    nm: "newmexico",
    ny: "newyork",
    nc: "northcarolina",
    nd: "northdakota",
    mp: "northernmarianaislands",
    oh: "ohio",
    ok: "oklahoma",
    or: "oregon",
    pw: "palau",
    pa: "pennsylvania",
    pr: "puertorico",
    ri: "rhodeisland",
    sc: "southcarolina",
    sd: "southdakota",
    tn: "tennessee",
    tx: "texas",
    ut: "utah",
    vt: "vermont",
    vi: "usvirginislands virginislands",
    va: "virginia",
    wa: "washington washingtonstate",
    wv: "westvirginia",
    wi: "wisconsin",
    wy: "wyoming",
    aa: "armedforcesamericas",
    ae: "armedforceseurope",
    ap: "armedforcespacific",
  },
  CA: {
    ab: "alberta",
    bc: "britishcolumbia colombiebritannique",
    mb: "manitoba",
    nb: "newbrunswick nouveaubrunswick",
    nl: "newfoundlandandlabrador newfoundland terreneuveetlabrador",
    nt: "northwestterritories territoiresdunordouest",
    ns: "novascotia nouvelleécosse",
    nu: "nunavut",
    on: "ontario",
    pe: "princeedwardisland îleduprinceédouard",
    qc: "quebec québec",
    sk: "saskatchewan",
    yt: "yukon",
  },
  AU: {
    act: "australiancapitalterritory",
    nsw: "newsouthwales",
    nt: "northernterritory",
    qld: "queensland",
    sa: "southaustralia",
    tas: "tasmania",
    vic: "victoria",
    wa: "westernaustralia",
  },
};

const CODE_BY_NAME: Record<string, ReadonlyMap<string, string>> = Object.fromEntries(
  Object.entries(NAMES).map(([country, names]) => [
    country,
    new Map(
      Object.entries(names).flatMap(([code, list]) => list.split(" ").map((name) => [name, code] as const)),
    ),
  ]),
);

/** ISO 3166-2 in full ("US-CA"), as some sources give it: the part after the country. */
const ISO_3166_2 = /^[a-z]{2}-([a-z0-9]{1,3})$/;

/** The code of a state named in full. An unknown country is taken for one of the three: names do not clash there. */
function codeByName(name: string, country: string | null): string | null {
  const tables = country === null ? Object.keys(CODE_BY_NAME) : [country];
  for (const table of tables) {
    const code = CODE_BY_NAME[table]?.get(name);
    if (code !== undefined) return code;
  }
  return null;
}

/**
 * Meta's form: the code in the US, Canada and Australia ("California" → "ca"), elsewhere the full name without
 * punctuation and spaces ("Noord-Holland" → "noordholland"). `country` is ISO alpha-2, upper case.
 */
export function regionOrCode(text: Text, country: string | null): string | null {
  const name = compact(text);
  if (name === null) return null;
  if (country !== null && !CODED_COUNTRIES.has(country)) return name;
  const inFull = ISO_3166_2.exec(text.lower);
  const coded = inFull?.[1] !== undefined &&
    (country === null || text.lower.startsWith(country.toLowerCase()));
  return codeByName(name, country) ?? (coded ? inFull[1] ?? null : name);
}

/** True where Meta wants the code of the state rather than its name. */
export function usesRegionCode(country: string | null): boolean {
  return country !== null && CODED_COUNTRIES.has(country);
}

/**
 * The two-letter code in lower case, else null: Pinterest and Snapchat take no other form, and a longer code (ENG, NSW)
 * or a name would match nobody (reference: pinterest §4).
 */
export function twoLetterRegion(text: Text, country: string | null): string | null {
  if (text.lower.length === 2 && isWord(text) && isAscii(text)) return text.lower;
  const code = ISO_3166_2.exec(text.lower)?.[1] ?? text.lower;
  if (/^[a-z]{2}$/.test(code)) return code;
  const name = compact(text);
  const known = name === null ? null : codeByName(name, country);
  return known?.length === 2 ? known : null;
}
