import type { Database, StatementOptions } from "./connection.ts";
import type { Database as Generated, Json } from "./database.types.ts";

/**
 * Calls of SQL functions, typed by what `supabase gen types` read from the migrated database: a function, argument or
 * result column that SQL renames is a type error here. Each function has a file of its own in `calls/`, the only place
 * that calls it.
 */

type Trakit = Generated["trakit"]["Functions"];
type Api = Generated["api"]["Functions"];
type Functions =
  & { [Name in keyof Trakit & string as `trakit.${Name}`]: Trakit[Name] }
  & { [Name in keyof Api & string as `api.${Name}`]: Api[Name] };

/** Functions that give a set of rows. */
type RowFunction = {
  [Name in keyof Functions]: Functions[Name]["Returns"] extends object[] ? Name : never;
}[keyof Functions];
/** Functions that give one value. */
type ValueFunction = Exclude<keyof Functions, RowFunction>;

declare const isJson: unique symbol;
/** JSON as text, for an argument of type jsonb. */
export type JsonText = string & { [isJson]: true };

/** What an argument may be given: the generator does not say which take null. */
type Given<Argument> =
  | null
  | (Json extends Argument ? JsonText
    : Argument extends string ? Argument | Date
    : Argument extends (infer Item)[] ? readonly Item[]
    : Argument);

/** A function's arguments. One that is absent or undefined has its default in SQL, `p_now` the database's clock. */
type Arguments<Name extends keyof Functions> = Functions[Name] extends { Args: infer Args } ?
    & { [Key in keyof Args as Optional<Args, Key> extends true ? never : Key]: Given<Args[Key]> }
    & {
      [Key in keyof Args as Optional<Args, Key> extends true ? Key : never]?:
        | Given<Exclude<Args[Key], undefined>>
        | undefined;
    }
  : never;
type Optional<Args, Key extends keyof Args> = Record<never, never> extends Pick<Args, Key> ? true : false;

/** A function's value. What SQL builds as jsonb the generator does not know: the function's file in `calls/` says it. */
type Value<Name extends keyof Functions> = Json extends Functions[Name]["Returns"] ? unknown
  : Functions[Name]["Returns"];

/** For a moment that may be unknown: when the statement's transaction began (Postgres' special input `now`). */
export const DATABASE_NOW = "now";

/** A value as an argument of type jsonb; null is SQL's null. */
export function json(value: object): JsonText;
export function json(value: object | null): JsonText | null;
export function json(value: object | null): JsonText | null {
  return value && JSON.stringify(value) as JsonText;
}

/** For a report or a piece of upkeep that may take longer than a request's answer, in ms (`StatementOptions.limitMs`). */
export const LONG: StatementOptions = { limitMs: 10_000 };

/** Calls a function that gives one value: one statement, one round trip. Throws as `Database.rows` does. */
export async function call<Name extends ValueFunction>(
  db: Database,
  name: Name,
  args: Arguments<Name>,
  options?: StatementOptions,
): Promise<Value<Name>> {
  const { text, values } = named(name, args);
  const [row] = await db.rows<{ result: Value<Name> }>(`select ${text} as result`, values, options);
  return row!.result;
}

/** Calls a function that gives a set, as JSON has it: numbers for bigint, ISO 8601 for times. Throws as `Database.rows`. */
export async function callRows<Name extends RowFunction>(
  db: Database,
  name: Name,
  args: Arguments<Name>,
): Promise<Functions[Name]["Returns"]> {
  const { text, values } = named(name, args);
  const rows = await db.rows<{ result: unknown }>(`select to_jsonb(r) as result from ${text} r`, values);
  return rows.map((row) => row.result) as Functions[Name]["Returns"];
}

/** `trakit.check_in(p_worker_id => $1, p_kind => $2)` and its values. Names come from the code, never from outside. */
function named(name: string, args: object): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  let list = "";
  for (const [key, value] of Object.entries(args)) {
    if (value === undefined) continue;
    values.push(value);
    list += `${list === "" ? "" : ", "}${key} => $${values.length}`;
  }
  return { text: `${name}(${list})`, values };
}
