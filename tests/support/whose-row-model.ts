import { createHash } from "node:crypto";
import fc from "fast-check";

/**
 * Histories of several people in one shop, and whose each row is by the rules of docs/adr/0031-whose-row-it-is.md, in the plainest
 * words. Every value is made for one person alone, and holds their word.
 */
export const NAMES = ["anna", "bert", "stranger"] as const;
export type Name = typeof NAMES[number];
const DEVICES = ["one", "two"] as const;

/** What may happen. `device` is one of `who`'s own; `whose` is who is meant by what is typed there. */
export const aHappening = fc.record({
  what: fc.constantFrom(
    "visit",
    "visit",
    "log in",
    "log in",
    "log in",
    "log in",
    "type",
    "add to cart",
    "add to cart",
    "begin checkout",
    "order",
    "order",
    "order",
    "report order",
    "refund",
    "tell customer",
    "withdraw",
    "withdraw marketing",
    "quarantine",
    "job",
    "cart webhook",
  ),
  who: fc.constantFrom(...NAMES),
  device: fc.constantFrom(...DEVICES),
  whose: fc.constantFrom(...NAMES),
  consent: fc.constantFrom("yes", "yes", "yes", "unknown", "no marketing", "no"),
});
export type Happening = typeof aHappening extends fc.Arbitrary<infer T> ? T : never;

export const hex = (text: string) => createHash("sha256").update(text).digest("hex");

/** A person of one history; `run` makes the words another history's. */
export function personOf(name: Name, run: number) {
  const word = `${name}${run}x`;
  const number = 7_100_000_000_000 + run * 10 + NAMES.indexOf(name);
  return {
    name,
    word,
    customer: String(number),
    email: `${word}@example.com`,
    phone: `+1718${String(2_000_000 + run * 3 + NAMES.indexOf(name))}`,
    digests(): Record<string, string[]> {
      return {
        "email.lower": [hex(this.email)],
        "email.gmail": [`${word}.gmail`],
        "phone.e164": [hex(this.phone)],
      };
    },
  };
}
export type Person = ReturnType<typeof personOf>;

export const CONSENTS = {
  "yes": { analytics: true, marketing: true },
  "unknown": {},
  "no marketing": { analytics: true, marketing: false },
  "no": { analytics: false, marketing: false },
};

/** A browser, and the visitor it is to us. */
export interface Device {
  word: string;
  person: Name;
  /** It has a visitor with us. */
  known: boolean;
  loggedIn: boolean;
  /** Tokens that lead to that visitor. */
  tokens: Set<string>;
}

export interface Row {
  eventId: string;
  /** Whose visitor it names; null = nobody's. */
  device: Device | null;
  /** Customer in it: whom the order names, else who was logged in. */
  customer: Name | null;
  /** Customer Shopify has the order under. */
  order: { id: string; of: Name } | null;
  tokens: string[];
  gone: boolean;
}

export interface World {
  run: number;
  people: Map<Name, Person>;
  devices: Map<string, Device>;
  rows: Row[];
}

export function worldOf(run: number): World {
  const people = new Map(NAMES.map((name) => [name, personOf(name, run)] as const));
  const devices = new Map<string, Device>();
  for (const person of people.values()) {
    for (const device of DEVICES) {
      devices.set(`${person.name} ${device}`, {
        word: `${person.word}.${device}`,
        person: person.name,
        known: false,
        loggedIn: false,
        tokens: new Set(),
      });
    }
  }
  return { run, people, devices, rows: [] };
}

/** Browsers that are one visitor with this one: all in which the same customer is logged in. */
export function oneWith(world: World, device: Device): Device[] {
  return [...world.devices.values()].filter((other) =>
    other === device ||
    (other.person === device.person && device.known && other.known && device.loggedIn && other.loggedIn)
  );
}

/** What a withdrawal of everything does: the visitor is gone, and its rows name nobody. */
export function forget(world: World, devices: Device[]): void {
  for (const row of world.rows) {
    if (row.device && devices.includes(row.device)) {
      row.device = null;
      row.customer = null;
      if (!row.order) row.tokens = [];
    }
  }
  for (const device of devices) Object.assign(device, { known: false, loggedIn: false, tokens: new Set() });
}

/** Browsers whose visitor is a person's: logged in there, or a listed order was placed there and nobody else is logged in. */
export function devicesOf(world: World, name: Name): Device[] {
  const held = [...world.devices.values()].filter((device) =>
    device.known &&
    (device.loggedIn
      ? device.person === name
      : live(world).some((row) => row.order?.of === name && row.device === device))
  );
  return held;
}

const live = (world: World) => world.rows.filter((row) => !row.gone);

/** Tokens a request leads to: of the person's visitors, and of their own rows. */
export function tokensOf(world: World, name: Name): Set<string> {
  const devices = devicesOf(world, name);
  const others = [...world.devices.values()].filter((device) => !devices.includes(device));
  return new Set([
    ...devices.flatMap((device) => [...device.tokens]),
    // an order without a browser is whose it is listed as; what leads to somebody else's browser leads there
    ...live(world).filter((row) =>
      byIds(row, name, devices) &&
      (row.device === null ? row.order?.of === name : devices.includes(row.device))
    ).flatMap((row) => row.tokens.filter((token) => !others.some((device) => device.tokens.has(token)))),
  ]);
}

function byIds(row: Row, name: Name, devices: Device[]): boolean {
  return row.customer === name || row.order?.of === name ||
    (row.customer === null && row.device !== null && devices.includes(row.device));
}

/** The person's own rows: what is exported, and what a redaction deletes. */
export function rowsOf(world: World, name: Name): Row[] {
  const devices = devicesOf(world, name);
  const tokens = tokensOf(world, name);
  return live(world).filter((row) =>
    byIds(row, name, devices) ||
    (row.device === null && row.order === null && row.customer === null &&
      row.tokens.some((token) => tokens.has(token)))
  );
}

/** Values that must be nowhere after the person's redaction. */
export function wordsOf(world: World, name: Name): string[] {
  const person = world.people.get(name)!;
  const own = devicesOf(world, name);
  const others = live(world).filter((row) => !rowsOf(world, name).includes(row));
  return [
    person.customer,
    person.email,
    person.phone,
    ...Object.values(person.digests()).flat(),
    ...live(world).flatMap((row) => row.order?.of === name ? [row.order.id] : []),
    ...tokensOf(world, name),
    // a browser that leads to nobody keeps what it said: nothing says whose it is
    ...[...world.devices.values()].filter((device) =>
      device.person === name && (own.includes(device) || !others.some((row) => row.device === device))
    ).map((device) => `${device.word}.said`),
  ];
}
