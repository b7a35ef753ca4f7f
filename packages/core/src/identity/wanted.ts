/** Which normal forms are worth making: those a shop's platforms take. A digest nobody is sent need not be made, or kept. */
import { FORM_NAMES, type FormName } from "./forms.ts";
import { type Platform, PLATFORM_FIELDS } from "./platforms.ts";

export type Wanted = Readonly<Record<FormName, boolean>>;

/** By these a visitor's events are joined and a person's data is found when they ask for it: made for every shop. */
const OURS: readonly FormName[] = ["email.lower", "phone.e164"];

function wanted(is: (form: FormName) => boolean): Wanted {
  return Object.fromEntries(FORM_NAMES.map((form) => [form, is(form)])) as Wanted;
}

export const ALL_FORMS: Wanted = wanted(() => true);

/** The forms these platforms take, and ours. A platform of another version is not known: then all are wanted. */
export function wantedBy(platforms: Iterable<string>): Wanted {
  const forms = new Set<FormName>(OURS);
  for (const platform of platforms) {
    if (!Object.hasOwn(PLATFORM_FIELDS, platform)) return ALL_FORMS;
    for (const rule of Object.values(PLATFORM_FIELDS[platform as Platform])) {
      if (rule.send !== "digest") continue;
      forms.add(rule.form);
      if (rule.also !== null) forms.add(rule.also);
    }
  }
  return wanted((form) => forms.has(form));
}
