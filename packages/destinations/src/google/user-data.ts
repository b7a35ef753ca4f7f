/** `user_data` of the Measurement Protocol: user-provided data (reference: google §4). */
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { clearFor, digestsBy, PLATFORM_FIELDS } from "@trakit/core/identity/platforms.ts";
import type { JsonObject } from "../destination.ts";
import { orUndefined } from "../shared/fields.ts";

const FIELDS = PLATFORM_FIELDS.google;

/**
 * Digests and the parts of the address Google takes in clear, or undefined where nobody is known. The address goes only
 * with a hashed name or street: a town alone identifies no one and need not leave.
 */
export function userData({ client, digests }: CanonicalEvent): JsonObject | undefined {
  const email = digestsBy(FIELDS.email, digests);
  const phone = digestsBy(FIELDS.phone, digests);
  const first = digestsBy(FIELDS.first_name, digests)?.[0];
  const last = digestsBy(FIELDS.last_name, digests)?.[0];
  const street = digestsBy(FIELDS.street, digests)?.[0];
  const named = first !== undefined || last !== undefined || street !== undefined;
  if (!named && email === undefined && phone === undefined) return undefined;
  return {
    sha256_email_address: email,
    sha256_phone_number: phone,
    address: named
      ? [{
        sha256_first_name: first,
        sha256_last_name: last,
        sha256_street: street,
        city: orUndefined(clearFor("google", "city", client)),
        region: orUndefined(clearFor("google", "state", client)),
        postal_code: orUndefined(clearFor("google", "zip", client)),
        country: orUndefined(clearFor("google", "country", client)),
      }]
      : undefined,
  };
}
