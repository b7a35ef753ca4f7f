import type { Client, Digests } from "@trakit/core/event.ts";
import * as rules from "@trakit/core/identity/field-rules.ts";
import { type HashedField, hashField as hashBy } from "@trakit/core/identity/hash-field.ts";
import { type Wanted, wantedBy as wantedByRules } from "@trakit/core/identity/wanted.ts";
import { destination } from "@trakit/destinations/registry.ts";

/** What platforms take of a person, asked by the platform's name. */
export function fieldsOf(platform: string): rules.FieldRules {
  return destination(platform)!.fields;
}

export function hashField(
  question: {
    platform: string;
    field: rules.Field;
    value: string | null | undefined;
    country?: string | null;
  },
): HashedField {
  return hashBy(fieldsOf(question.platform), question);
}

export function digestsFor(platform: string, field: rules.Field, digests: Digests): string[] {
  return rules.digestsBy(fieldsOf(platform)[field], digests) ?? [];
}

export function clearFor(platform: string, field: "city" | "state" | "zip" | "country", client: Client) {
  return rules.clearFor(fieldsOf(platform), field, client);
}

export function wantedBy(platforms: string[]): Wanted {
  return wantedByRules(platforms.map((platform) => destination(platform)?.fields ?? null));
}
