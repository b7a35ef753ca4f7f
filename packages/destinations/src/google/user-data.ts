/** `user_data` of the Measurement Protocol: user-provided data (reference: google §4). */
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { clearFor, digestsBy } from "@trakit/core/identity/field-rules.ts";
import type { JsonObject } from "../destination.ts";
import { orUndefined } from "../shared/fields.ts";
import { fields } from "./identity.ts";

/**
 * Digests and the parts of the address Google takes in clear, or undefined where nobody is known. The address goes only
 * with a hashed name or street: a town alone identifies no one and need not leave.
 */
export function userData({ client, digests }: CanonicalEvent): JsonObject | undefined {
  const email = digestsBy(fields.email, digests);
  const phone = digestsBy(fields.phone, digests);
  const first = digestsBy(fields.first_name, digests)?.[0];
  const last = digestsBy(fields.last_name, digests)?.[0];
  const street = digestsBy(fields.street, digests)?.[0];
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
        city: orUndefined(clearFor(fields, "city", client)),
        region: orUndefined(clearFor(fields, "state", client)),
        postal_code: orUndefined(clearFor(fields, "zip", client)),
        country: orUndefined(clearFor(fields, "country", client)),
      }]
      : undefined,
  };
}
