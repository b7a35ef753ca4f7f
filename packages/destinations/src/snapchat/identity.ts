import { digest, type FieldRules, NOTHING } from "@trakit/core/identity/field-rules.ts";
import { heaviestFirst, matchKey, type MatchKeys } from "@trakit/core/match-quality.ts";

/** reference: snapchat §2.2, §4 */
export const fields: FieldRules = {
  email: digest("email.lower"),
  phone: digest("phone.digits"),
  first_name: digest("first_name.words"),
  last_name: digest("last_name.words"),
  street: NOTHING,
  city: digest("city.compact"),
  state: digest("region.code"),
  zip: digest("postal.spaceless"),
  country: digest("country.lower"),
  gender: digest("gender.letter", { except: "n" }),
  date_of_birth: NOTHING,
  external_id: digest("external_id.plain"),
};

export const matchKeys: MatchKeys = {
  source:
    "Estimate, ours: Snap publishes no weights. Email, phone, or IP address with user agent is what it requires; click id and cookie name the ad and the browser (reference: snapchat §2.2, §5).",
  keys: heaviestFirst([
    matchKey("email", 2.6, "user_data.em"),
    matchKey("phone", 2, "user_data.ph"),
    matchKey("click_id", 2, "user_data.sc_click_id"),
    matchKey("browser_id", 1, "user_data.sc_cookie1"),
    matchKey("ip_address", 0.8, "user_data.client_ip_address"),
    matchKey("external_id", 0.5, "user_data.external_id"),
    matchKey("user_agent", 0.4, "user_data.client_user_agent"),
    matchKey("name", 0.3, "user_data.fn", "user_data.ln"),
    matchKey("zip", 0.2, "user_data.zp"),
    matchKey("city", 0.1, "user_data.ct"),
    matchKey("country", 0.1, "user_data.country"),
  ]),
};
