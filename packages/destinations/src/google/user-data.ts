/** `user_data` of the Measurement Protocol: user-provided data (reference: google §4). */
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { clearFor, digestsFor } from "@trakit/core/identity/platforms.ts";
import type { JsonObject } from "../destination.ts";
import { digestList, isEmpty, present } from "../shared/fields.ts";

/**
 * Digests and the parts of the address Google takes in clear, or null where nobody is known. The address goes only
 * with a hashed name or street: a town alone identifies no one and need not leave.
 */
export function userData(event: CanonicalEvent): JsonObject | null {
  const { client, digests } = event;
  const hashed = present({
    sha256_first_name: digestsFor("google", "first_name", digests)[0],
    sha256_last_name: digestsFor("google", "last_name", digests)[0],
    sha256_street: digestsFor("google", "street", digests)[0],
  });
  const named = !isEmpty(hashed);
  const data = present({
    sha256_email_address: digestList("google", "email", event),
    sha256_phone_number: digestList("google", "phone", event),
    address: named
      ? [present({
        ...hashed,
        city: clearFor("google", "city", client),
        region: clearFor("google", "state", client),
        postal_code: clearFor("google", "zip", client),
        country: clearFor("google", "country", client),
      })]
      : null,
  });
  return isEmpty(data) ? null : data;
}
