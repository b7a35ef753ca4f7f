import { digest, type FieldRules, NOTHING } from "@trakit/core/identity/field-rules.ts";
import { heaviestFirst, matchKey, type MatchKeys } from "@trakit/core/match-quality.ts";

/** reference: meta §4 */
export const fields: FieldRules = {
  email: digest("email.lower"),
  phone: digest("phone.digits"),
  first_name: digest("first_name.compact"),
  last_name: digest("last_name.compact"),
  street: NOTHING,
  city: digest("city.compact", { also: "city.folded" }),
  state: digest("region.meta"),
  zip: digest("postal.alnum"),
  country: digest("country.lower"),
  gender: digest("gender.letter", { except: "n" }),
  date_of_birth: digest("birth.yyyymmdd"),
  external_id: digest("external_id.lower"),
};

export const matchKeys: MatchKeys = {
  source:
    "Estimate: Meta publishes no weights. It names email, IP address, names and phone as high-quality keys; the order and sizes are those of public estimators (reference: meta §9).",
  keys: heaviestFirst([
    matchKey("email", 2.5, "user_data.em"),
    matchKey("phone", 1.6, "user_data.ph"),
    matchKey("click_id", 1.6, "user_data.fbc"),
    matchKey("external_id", 0.9, "user_data.external_id"),
    matchKey("browser_id", 0.9, "user_data.fbp"),
    matchKey("ip_address", 0.7, "user_data.client_ip_address"),
    matchKey("name", 0.6, "user_data.fn", "user_data.ln"),
    matchKey("user_agent", 0.3, "user_data.client_user_agent"),
    matchKey("zip", 0.3, "user_data.zp"),
    matchKey("city", 0.2, "user_data.ct"),
    matchKey("date_of_birth", 0.2, "user_data.db"),
    matchKey("state", 0.1, "user_data.st"),
    matchKey("country", 0.1, "user_data.country"),
  ]),
};
