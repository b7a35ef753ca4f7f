import { digest, type FieldRules, NOTHING } from "@trakit/core/identity/field-rules.ts";
import { heaviestFirst, matchKey, type MatchKeys } from "@trakit/core/match-quality.ts";

/** reference: pinterest §4 */
export const fields: FieldRules = {
  email: digest("email.lower"),
  phone: digest("phone.digits"),
  first_name: digest("first_name.lower"),
  last_name: digest("last_name.lower"),
  street: NOTHING,
  city: digest("city.compact"),
  state: digest("region.code"),
  zip: digest("postal.spaceless"),
  country: digest("country.lower"),
  gender: digest("gender.letter"),
  date_of_birth: digest("birth.yyyymmdd"),
  external_id: digest("external_id.plain"),
};

export const matchKeys: MatchKeys = {
  source:
    "Estimate, ours: Pinterest publishes neither a score nor weights. Email, or IP address with user agent, is what it requires, the click id names the Pin (reference: pinterest §2.2, §5).",
  keys: heaviestFirst([
    matchKey("email", 3.2, "user_data.em"),
    matchKey("click_id", 2.2, "user_data.click_id"),
    matchKey("phone", 1.2, "user_data.ph"),
    matchKey("external_id", 1, "user_data.external_id"),
    matchKey("ip_address", 0.8, "user_data.client_ip_address"),
    matchKey("name", 0.5, "user_data.fn", "user_data.ln"),
    matchKey("user_agent", 0.4, "user_data.client_user_agent"),
    matchKey("zip", 0.3, "user_data.zp"),
    matchKey("city", 0.2, "user_data.ct"),
    matchKey("state", 0.1, "user_data.st"),
    matchKey("country", 0.1, "user_data.country"),
  ]),
};
