/** The normal forms in words, for docs/destinations: one sentence for each, beside the code that does it (forms.ts, clear.ts). */
import type { ClearName } from "./clear.ts";
import type { FormName } from "./forms.ts";

export const FORM_RULES: Record<FormName, string> = {
  "email.lower": "lower case, no blanks; dots and +tags stay",
  "email.gmail": "lower case, no blanks; at gmail.com and googlemail.com without dots before the @",
  "email.canonical": "lower case; before the @ nothing after a + and only letters and digits",
  "phone.digits": "international, digits only, without +",
  "phone.e164": "international with +",
  "phone.national_cn": "Chinese numbers as the national number",
  "first_name.compact": "lower case, no punctuation, no blanks; letters of any script stay",
  "first_name.lower": "lower case only",
  "first_name.words": "lower case, no punctuation, inner blanks stay",
  "first_name.letters": "lower case, no digits and symbols, inner blanks stay",
  "last_name.compact": "lower case, no punctuation, no blanks; letters of any script stay",
  "last_name.lower": "lower case only",
  "last_name.words": "lower case, no punctuation, inner blanks stay",
  "last_name.letters": "lower case, no digits and symbols, inner blanks stay",
  "street.letters": "lower case, no symbols; digits stay",
  "city.compact": "lower case, no punctuation, no blanks; letters of any script stay",
  "city.folded": "the same in plain letters, where the city has others: köln also as koln",
  "region.meta":
    "the code in the US, Canada and Australia, else the full name without punctuation and blanks; lower case",
  "region.code": "the two-letter code, lower case; nothing where there is none",
  "postal.alnum": "letters and digits, lower case; US: five digits",
  "postal.spaceless": "lower case, no blanks; US: five digits",
  "country.lower": "ISO alpha-2, lower case",
  "gender.letter": "f, m or n",
  "birth.yyyymmdd": "YYYYMMDD",
  "external_id.lower": "lower case, no blanks",
  "external_id.plain": "as it is",
};

export const CLEAR_RULES: Record<ClearName, string> = {
  "city.compact": "lower case, no punctuation, no blanks",
  "region.compact": "the code where there is one, else the name, lower case",
  "country.lower": "ISO alpha-2, lower case",
  "place.letters": "lower case, no digits and symbols, inner blanks stay",
  "postal.plain": "as it is, without . and ~",
  "country.upper": "ISO alpha-2, upper case",
  "user_id": "the shop's own id as it is; nothing that looks like an email",
};
