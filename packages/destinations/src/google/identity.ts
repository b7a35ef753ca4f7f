import { clear, digest, type FieldRules, NOTHING } from "@trakit/core/identity/field-rules.ts";
import { heaviestFirst, matchKey, type MatchKeys } from "@trakit/core/match-quality.ts";

/** reference: google §4 */
export const fields: FieldRules = {
  email: digest("email.gmail"),
  phone: digest("phone.e164"),
  first_name: digest("first_name.letters"),
  last_name: digest("last_name.letters"),
  street: digest("street.letters"),
  city: clear("place.letters"),
  state: clear("place.letters"),
  zip: clear("postal.plain"),
  country: clear("country.upper"),
  gender: NOTHING,
  date_of_birth: NOTHING,
  external_id: clear("user_id"),
};

export const matchKeys: MatchKeys = {
  source:
    "Estimate, ours: Google Analytics has no such score. Without gtag's session an event is unassigned; user id and user-provided data join devices and ads (reference: google §4, §5).",
  keys: heaviestFirst([
    matchKey("session_id", 3.5, "events.0.params.session_id"),
    matchKey("email", 2, "user_data.sha256_email_address"),
    matchKey("user_id", 1.5, "user_id"),
    matchKey("phone", 1.2, "user_data.sha256_phone_number"),
    matchKey("address", 0.8, "user_data.address"),
    matchKey("ip_address", 0.6, "ip_override"),
    matchKey("user_agent", 0.4, "user_agent"),
  ]),
};
