import { digest, type FieldRules, NOTHING } from "@trakit/core/identity/field-rules.ts";
import { heaviestFirst, matchKey, type MatchKeys } from "@trakit/core/match-quality.ts";

/** reference: reddit §4 */
export const fields: FieldRules = {
  email: digest("email.canonical"),
  phone: digest("phone.e164"),
  first_name: NOTHING,
  last_name: NOTHING,
  street: NOTHING,
  city: NOTHING,
  state: NOTHING,
  zip: NOTHING,
  country: NOTHING,
  gender: NOTHING,
  date_of_birth: NOTHING,
  external_id: digest("external_id.plain"),
};

export const matchKeys: MatchKeys = {
  source:
    "Estimate, ours: Reddit publishes no weights. It strongly recommends the email and calls the click id what improves attribution (reference: reddit §9).",
  keys: heaviestFirst([
    matchKey("click_id", 2.8, "click_id"),
    matchKey("email", 2.7, "user.email"),
    matchKey("browser_id", 0.5, "user.uuid"),
    matchKey("phone", 1.4, "user.phone_number"),
    matchKey("external_id", 1.1, "user.external_id"),
    matchKey("ip_address", 0.9, "user.ip_address"),
    matchKey("user_agent", 0.6, "user.user_agent"),
  ]),
};
