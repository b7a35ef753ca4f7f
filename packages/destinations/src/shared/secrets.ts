import type { Destination } from "../destination.ts";

/** What is entered for a destination, its secrets apart. A secret that is null is taken away. */
export interface Parted {
  settings: Record<string, unknown>;
  secrets: Record<string, string | null>;
  /** What is wrong with the secrets, a sentence each; never with their values. */
  issues: string[];
}

/** Parts settings as entered into those that may be seen, as they are, and the platform's secrets, as its rules read them. */
export function partSettings(
  platform: Pick<Destination, "secrets">,
  entered: Record<string, unknown>,
): Parted {
  const parted: Parted = { settings: {}, secrets: {}, issues: [] };
  for (const [name, value] of Object.entries(entered)) {
    const rule = Object.hasOwn(platform.secrets ?? {}, name) ? platform.secrets![name] : undefined;
    if (!rule) parted.settings[name] = value;
    else if (value === null) parted.secrets[name] = null;
    else {
      const read = rule.safeParse(value);
      if (read.success) parted.secrets[name] = read.data;
      else parted.issues.push(...read.error.issues.map((issue) => `${name}: ${issue.message}`));
    }
  }
  return parted;
}
