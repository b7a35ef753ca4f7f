import { parseArgs } from "node:util";
import process from "node:process";
import parsePhoneNumber, { type CountryCode } from "libphonenumber-js/min";
import type { CanonicalEvent } from "@trakit/core/event.ts";
import { captureDigests } from "@trakit/core/identity/capture.ts";
import type { ClearPerson } from "@trakit/core/identity/person.ts";
import { FORM_NAMES, normalise } from "@trakit/core/identity/forms.ts";
import { wantedBy } from "@trakit/core/identity/wanted.ts";
import type { Destination } from "@trakit/destinations/destination.ts";
import { DESTINATIONS } from "@trakit/destinations/registry.ts";
import { EXAMPLE_NOW } from "@trakit/destinations/shared/example-event.ts";
import { customer, purchase } from "./customers.ts";
import { byMetaSdk, digestsFloor, PLAIN } from "./floors.ts";

/**
 * Processor time of `work` for each of `count` different customers, in µs a customer: time this process had to wait for the
 * machine's other work is nobody's. `work` gives something, so that nothing is optimised away.
 */
function timed(count: number, work: (index: number) => number): number {
  let sink = 0;
  const started = process.cpuUsage();
  for (let index = 0; index < count; index++) sink += work(index);
  const { user, system } = process.cpuUsage(started);
  if (sink === 0) throw new Error("the work gave nothing");
  return (user + system) / count;
}

/** The least disturbed round: whatever else the machine does only ever adds to a time. */
function least(values: number[]): number {
  return Math.min(...values);
}

interface Pair {
  name: string;
  ours: (index: number) => number;
  floor: (index: number) => number;
}

/** Runs both sides in turn, `rounds` times after two unmeasured, and gives each one's least time in µs. */
function compare(
  pairs: Pair[],
  count: number,
  rounds: number,
): { name: string; ours: number; floor: number }[] {
  const times = pairs.map(() => ({ ours: [] as number[], floor: [] as number[] }));
  for (let round = -2; round < rounds; round++) {
    pairs.forEach((pair, at) => {
      const first = round % 2 === 0;
      const [a, b] = first ? [pair.ours, pair.floor] : [pair.floor, pair.ours];
      const [one, two] = [timed(count, a), timed(count, b)];
      if (round < 0) return;
      times[at]!.ours.push(first ? one : two);
      times[at]!.floor.push(first ? two : one);
    });
  }
  return pairs.map(({ name }, at) => ({
    name,
    ours: least(times[at]!.ours),
    floor: least(times[at]!.floor),
  }));
}

function line(name: string, ours: number, floor: number, share: number): void {
  process.stdout.write(
    `${name.padEnd(34)} ${ours.toFixed(2).padStart(9)} µs ${floor.toFixed(2).padStart(9)} µs ${
      (share * 100).toFixed(0).padStart(6)
    } %\n`,
  );
}

/** The texts whose digests `captureDigests` makes of a person, each once. */
function hashedTexts(person: ClearPerson): string[] {
  const fields: [string, string | null][] = [
    ["email", person.emails[0]!],
    ["phone", person.phones[0]!.value],
    ["first_name", person.first_name],
    ["last_name", person.last_name],
    ["street", person.street],
    ["city", person.city],
    ["region", person.region_code],
    ["postal", person.postal_code],
    ["country", person.country],
    ["external_id", person.external_ids[0]!],
  ];
  const texts = new Set<string>();
  for (const [field, value] of fields) {
    for (const form of FORM_NAMES.filter((name) => name.startsWith(`${field}.`))) {
      const given = form === "region.meta" && person.country !== "US" && person.country !== "CA"
        ? person.region
        : value;
      const text = normalise(form, given ?? value, person.country);
      if (text !== null) texts.add(text);
    }
  }
  return [...texts];
}

/** `npm run bench -- transform [--customers 2000] [--rounds 25]` */
export function bench(args: string[]): void {
  const { values } = parseArgs({
    args,
    options: {
      customers: { type: "string", default: "2000" },
      rounds: { type: "string", default: "25" },
    },
  });
  const count = Number(values.customers);
  const rounds = Number(values.rounds);
  const people = Array.from({ length: count }, (_, index) => customer(index));
  const phones = people.map(({ phones: [phone] }) =>
    parsePhoneNumber(phone!.value, phone!.country as CountryCode)!.number.slice(1)
  );
  const texts = people.map(hashedTexts);
  const events = people.map((person, index): CanonicalEvent => ({
    ...purchase(index),
    digests: captureDigests(person).digests,
  }));
  const made = Object.values(captureDigests(people[0]!).digests).flat().length;

  const built = (platform: string, destination: Destination, event: CanonicalEvent): string => {
    const settings = SETTINGS[platform]!;
    const mapped = destination.map(event, { settings, limited: false, now: EXAMPLE_NOW });
    if (!mapped.ok) throw new Error(`${platform}: ${mapped.reason}`);
    return destination.request([mapped.body], {
      settings,
      token: "tkn-0123456789",
      baseUrl: destination.baseUrl,
      testCode: null,
    }).body;
  };
  const SETTINGS = Object.fromEntries(
    Object.entries(DESTINATIONS).map((
      [name, one],
    ) => [name, one.settings.parse({ id: one.examples[0]!.settings["id"] })]),
  );
  for (const [platform, destination] of Object.entries(DESTINATIONS)) {
    const [ours, plain] = [built(platform, destination, events[0]!), PLAIN[platform]!(events[0]!)];
    // both sides must make the same request, or the comparison says nothing
    const ratio = ours.length / plain.length;
    if (ratio < 0.95 || ratio > 1.05) {
      throw new Error(`${platform}: ${ours.length} beside ${plain.length} characters`);
    }
  }

  process.stdout.write(
    `transform: one thread of Node ${process.versions.node}, ${count} different customers in turn, processor time, least of ${rounds} rounds\n\n` +
      `${"".padEnd(34)} ${"ours".padStart(12)} ${"floor".padStart(12)} ${"share".padStart(8)}\n`,
  );
  const [digests] = compare(
    [{
      name: "digests",
      ours: (index) => Object.keys(captureDigests(people[index]!).digests).length,
      floor: (index) => digestsFloor(texts[index]!, people[index]!),
    }],
    count,
    rounds,
  );
  line(
    `(a) identity → ${made} digests, ${texts[0]!.length} hashes`,
    digests!.ours,
    digests!.floor,
    digests!.floor / digests!.ours,
  );

  const requests = compare(
    Object.entries(DESTINATIONS).map(([platform, destination]) => ({
      name: platform,
      ours: (index: number) => built(platform, destination, events[index]!).length,
      floor: (index: number) => PLAIN[platform]!(events[index]!).length,
    })),
    count,
    rounds,
  );
  for (const { name, ours, floor } of requests) {
    line(`(b) event → request, ${name}`, ours, floor, floor / ours);
  }

  // A shop that sends to Meta alone: its orders' digests are made for Meta alone (pipeline/src/wanted-forms.ts).
  const forMeta = wantedBy([DESTINATIONS["meta"]!.fields]);
  const bought = people.map((_, index) => purchase(index));
  const [whole] = compare(
    [{
      name: "meta",
      ours: (index) => {
        const event = bought[index]!;
        event.digests = captureDigests(people[index]!, forMeta).digests;
        return built("meta", DESTINATIONS["meta"]!, event).length;
      },
      floor: (index) => byMetaSdk(people[index]!, events[index]!, phones[index]!).length,
    }],
    count,
    rounds,
  );
  process.stdout.write("\n");
  line("(c) clear purchase → Meta request", whole!.ours, whole!.floor, whole!.floor / whole!.ours);
  process.stdout.write(
    "    beside facebook-nodejs-business-sdk building, normalising and serialising the same\n",
  );
}
