import { clear, digest, type FieldRules, NOTHING } from "@trakit/core/identity/field-rules.ts";
import { heaviestFirst, matchKey, type MatchKeys } from "@trakit/core/match-quality.ts";

/** reference: tiktok §4 */
export const fields: FieldRules = {
  email: digest("email.lower"),
  phone: digest("phone.e164", { also: "phone.national_cn" }),
  first_name: digest("first_name.compact"),
  last_name: digest("last_name.compact"),
  street: NOTHING,
  city: clear("city.compact"),
  state: clear("region.compact"),
  zip: digest("postal.alnum"),
  country: clear("country.lower"),
  gender: NOTHING,
  date_of_birth: NOTHING,
  external_id: digest("external_id.lower"),
};

export const matchKeys: MatchKeys = {
  source:
    "Estimate: TikTok publishes no weights; its set-up pages recommend the first seven (reference: tiktok §9).",
  keys: heaviestFirst([
    matchKey("click_id", 2.8, "user.ttclid"),
    matchKey("email", 2.2, "user.email"),
    matchKey("phone", 1.6, "user.phone"),
    matchKey("browser_id", 1, "user.ttp"),
    matchKey("external_id", 0.9, "user.external_id"),
    matchKey("ip_address", 0.6, "user.ip"),
    matchKey("user_agent", 0.4, "user.user_agent"),
    matchKey("name", 0.2, "user.first_name", "user.last_name"),
    matchKey("zip", 0.2, "user.zip_code"),
    matchKey("place", 0.1, "user.city", "user.country"),
  ]),
};
