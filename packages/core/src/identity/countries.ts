/** ISO 3166-1 alpha-2 codes from what shops, forms and vendors write. */
import { compact, prepare } from "./text.ts";

/** ISO 3166-1 alpha-2, plus XK (Kosovo), AC and TA, which Shopify uses. */
const CODES: ReadonlySet<string> = new Set(
  ("AC AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR " +
    "GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO " +
    "JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR " +
    "MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO " +
    "RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TA TC TD TF TG TH TJ TK TL TM TN TO TR TT " +
    "TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW").split(" "),
);

/** Code → alpha-3 code and names in compact form: the markets shops sell to, in English and their own language. */
const NAMES: Record<string, string> = {
  AE: "are uae unitedarabemirates",
  AR: "arg argentina",
  AT: "aut austria österreich",
  AU: "aus australia",
  BE: "bel belgium belgië belgique belgien",
  BG: "bgr bulgaria българия",
  BR: "bra brazil brasil",
  CA: "can canada",
  CH: "che switzerland schweiz suisse svizzera",
  CL: "chl chile",
  CN: "chn china peoplesrepublicofchina 中国",
  CO: "col colombia",
  CR: "cri costarica",
  CY: "cyp cyprus",
  CZ: "cze czechia czechrepublic česko českárepublika",
  DE: "deu germany deutschland allemagne",
  DK: "dnk denmark danmark",
  EC: "ecu ecuador",
  EE: "est estonia eesti",
  EG: "egy egypt",
  ES: "esp spain españa",
  FI: "fin finland suomi",
  FR: "fra france",
  GB:
    "gbr uk greatbritain unitedkingdom unitedkingdomofgreatbritainandnorthernireland england scotland wales " +
    "northernireland",
  GR: "grc el greece ελλάδα",
  HK: "hkg hongkong hongkongsar 香港",
  HR: "hrv croatia hrvatska",
  HU: "hun hungary magyarország",
  ID: "idn indonesia",
  IE: "irl ireland republicofireland éire",
  IL: "isr israel ישראל",
  IN: "ind india",
  IS: "isl iceland ísland",
  IT: "ita italy italia italie italien",
  JP: "jpn japan 日本",
  KE: "ken kenya",
  KR: "kor southkorea republicofkorea korearepublicof 대한민국",
  KW: "kwt kuwait",
  LT: "ltu lithuania lietuva",
  LU: "lux luxembourg luxemburg",
  LV: "lva latvia latvija",
  MA: "mar morocco maroc",
  MT: "mlt malta",
  MX: "mex mexico méxico",
  MY: "mys malaysia",
  NG: "nga nigeria",
  NL: "nld netherlands thenetherlands nederland holland paysbas niederlande",
  NO: "nor norway norge",
  NZ: "nzl newzealand aotearoa",
  PE: "per peru perú",
  PH: "phl philippines thephilippines",
  PK: "pak pakistan",
  PL: "pol poland polska",
  PT: "prt portugal",
  QA: "qat qatar",
  RO: "rou romania românia",
  RS: "srb serbia србија",
  RU: "rus russia russianfederation россия",
  SA: "sau saudiarabia",
  SE: "swe sweden sverige",
  SG: "sgp singapore",
  SI: "svn slovenia slovenija",
  SK: "svk slovakia slovakrepublic slovensko",
  TH: "tha thailand",
  TR: "tur turkey türkiye turkiye",
  TW: "twn taiwan 台灣 臺灣",
  UA: "ukr ukraine україна",
  US: "usa unitedstates unitedstatesofamerica theunitedstates america",
  UY: "ury uruguay",
  VN: "vnm vietnam việtnam",
  ZA: "zaf southafrica",
};

const CODE_BY_NAME: ReadonlyMap<string, string> = new Map(
  Object.entries(NAMES).flatMap(([code, names]) => names.split(" ").map((name) => [name, code] as const)),
);

/**
 * ISO 3166-1 alpha-2 in upper case from a code of any case ("nl"), an alpha-3 code or name of the common markets
 * ("USA", "United States", "Deutschland"); "UK" is GB. Null for anything else.
 */
export function isoCountry(value: string | null | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (CODES.has(value)) return value;
  const text = prepare(value);
  if (text === null) return null;
  const code = text.plain.toUpperCase();
  if (CODES.has(code)) return code;
  return CODE_BY_NAME.get(compact(text) ?? "") ?? null;
}
