import { connect, type Database } from "@trakit/db/connection.ts";
import { CliProblem } from "../problem.ts";
import { scramVerifier } from "./scram.ts";

/** The settings that log in, and the role each should be. */
export const LOGINS = [
  { setting: "TRAKIT_DB_URL", role: "trakit_edge" },
  { setting: "TRAKIT_DB_SESSION_URL", role: "trakit_worker" },
] as const;

/** Role and password in a connection address. Supabase's pooler wants `role.project`. */
export function credentials(url: string): { role: string; password: string } {
  const { username, password } = new URL(url);
  return { role: decodeURIComponent(username).split(".")[0]!, password: decodeURIComponent(password) };
}

/**
 * Gives trakit_edge and trakit_worker the passwords in their connection settings. `owner` is logged in as the role that
 * ran the migrations. Addresses that log in as other roles are left alone: those have their passwords from elsewhere.
 */
export async function setPasswords(
  owner: Database,
  environment: Record<string, string | undefined>,
): Promise<string[]> {
  const changed: string[] = [];
  for (const { setting } of LOGINS) {
    const url = environment[setting];
    if (!url) continue;
    const { role, password } = credentials(url);
    if (!password || !LOGINS.some((login) => login.role === role)) continue;
    if (!/^[\x20-\x7e]+$/.test(password)) {
      throw new CliProblem(
        `The password in ${setting} holds characters that are not printable ASCII.`,
        "Choose another one.",
      );
    }
    // neither role name nor verifier can be a parameter of a utility statement; both have a fixed alphabet
    await owner.rows(`alter role ${role} with password '${scramVerifier(password)}'`);
    changed.push(role);
  }
  return changed;
}

/** Why a role must not be used, or null. Row-level security is what separates shops: a role exempt from it sees all. */
export async function roleProblem(database: Database): Promise<string | null> {
  const [row] = await database.rows<{ name: string; exempt: boolean; super: boolean }>(
    "select rolname as name, rolbypassrls as exempt, rolsuper as super from pg_roles where rolname = current_user",
  );
  if (row?.super) return `the role ${row.name} is a superuser, which row-level security does not bind`;
  if (row?.exempt) return `the role ${row.name} has BYPASSRLS, so row-level security does not bind it`;
  return null;
}

/** Logs in with both settings and throws CliProblem when one is refused or logs in as a role that sees every shop. */
export async function checkLogins(environment: Record<string, string | undefined>): Promise<void> {
  for (const { setting, role } of LOGINS) {
    const url = environment[setting];
    if (!url) continue;
    const database = connect({ url, max: 1, applicationName: "trakit-check" });
    try {
      const problem = await roleProblem(database);
      if (problem) {
        throw new CliProblem(
          `${setting} must not be used: ${problem}.`,
          `Let it log in as ${role}, which trakit migrate sets up.`,
        );
      }
    } catch (error) {
      if (error instanceof CliProblem) throw error;
      const { code, cause } = error as { code?: string; cause?: { code?: string } };
      throw new CliProblem(
        `${setting} cannot log in (${code ?? cause?.code ?? "no answer"}).`,
        `Check its host, role and password; trakit migrate gives ${role} the password that stands in it.`,
        { cause: error },
      );
    } finally {
      await database.close();
    }
  }
}
