/** Which normal forms are worth making: those a shop's platforms take. A digest nobody is sent need not be made, or kept. */
import type { FieldRules } from "./field-rules.ts";
import { FORM_NAMES, type FormName } from "./forms.ts";

export type Wanted = Readonly<Record<FormName, boolean>>;

/** By these a visitor's events are joined and a person's data is found when they ask for it: made for every shop. */
const OURS: readonly FormName[] = ["email.lower", "phone.e164"];

function wanted(is: (form: FormName) => boolean): Wanted {
  return Object.fromEntries(FORM_NAMES.map((form) => [form, is(form)])) as Wanted;
}

export const ALL_FORMS: Wanted = wanted(() => true);

/** The forms platforms with these rules take, and ours. Null: a platform of another version, not known here; then all are wanted. */
export function wantedBy(platforms: Iterable<FieldRules | null>): Wanted {
  const forms = new Set<FormName>(OURS);
  for (const rules of platforms) {
    if (rules === null) return ALL_FORMS;
    for (const rule of Object.values(rules)) {
      if (rule.send !== "digest") continue;
      forms.add(rule.form);
      if (rule.also !== null) forms.add(rule.also);
    }
  }
  return wanted((form) => forms.has(form));
}
