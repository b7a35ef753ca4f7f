/**
 * The bridge to browser tags the merchant already has (`fbq`, `ttq`, `pintrk`, `snaptr`, `gtag`), loaded only where there are some.
 *
 * share: a call of the merchant's own tag gets the id of our event, so that the platform counts tag and server once.
 * fire: we call the tag ourselves.
 * Either way the server is told which event went to which tag and when. It loads no vendor's code and calls no vendor's host.
 */
import type { Namespace } from "../embed/main.ts";
import { globalOf } from "../embed/page.ts";
import type { StoreEvent, TagReport } from "../shared/types.ts";
import { NAMES, parametersOf, type Platform } from "./platforms.ts";

interface Call {
  /** The name the tag was called with. */
  name: string;
  /** The call's parameters, with the id in them. */
  with(id: string): unknown[];
  /** It names an id already: the merchant's own affair. */
  own: boolean;
}

/** A call waits this long for the event it is about: the cart's answer comes after the click. */
const WAIT_MS = 1e4;

const own = globalOf("trakit") as Namespace;
const rules = (own.rules ?? {}) as Partial<Record<Platform, { mode: string; id?: string | null }>>;

/** A tag some script has set: an element of its name is none. */
const tag = globalOf as (name: string) => ((...given: unknown[]) => void) & { track?: unknown } | undefined;

/** Events whose id a tag may still get, and ids a tag already has for an event yet to come. */
const events: StoreEvent[] = [];
const given = new Set<string>();
const promised: { platform: Platform; name: string; id: string; at: number }[] = [];
const reports: TagReport[] = [];
let timer = 0;

function report(event: { name: string; id: string }, platform: Platform): void {
  reports.push({ name: event.name, event_id: event.id, platforms: [platform], at: Date.now() });
  timer ||= setTimeout(() => {
    timer = 0;
    void own.tell?.(reports.splice(0, 50));
  }, 500) as unknown as number;
}

const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (256 + byte).toString(16).slice(1)).join(
    "",
  );

/** The id for a call of a tag; null when the call is about nothing we know. */
function idFor(platform: Platform, name: string): string | null {
  const ours = Object.keys(NAMES).filter((one) => NAMES[one]![platform]?.includes(name));
  if (!ours.length) return null;
  const event = events.find(({ id, name }) => ours.includes(name) && !given.has(platform + id));
  if (event) {
    given.add(platform + event.id);
    report(event, platform);
    return event.id;
  }
  // several tags called by one click are about one event
  const same = promised.find((one) =>
    one.name === ours[0] && one.platform !== platform && Date.now() - one.at < WAIT_MS
  );
  const id = same?.id ?? randomId();
  promised.push({ platform, name: ours[0]!, id, at: Date.now() });
  return id;
}

/** What a call says, by platform; null for calls that report no event. */
function read(platform: Platform, given: unknown[]): Call | null {
  const [verb, ...rest] = given as [string, ...unknown[]];
  const object = (value: unknown) => (value ?? {}) as Record<string, unknown>;
  if (platform === "meta" && /^track(Custom)?$/.test(verb)) {
    const options = object(rest[2]);
    return {
      name: `${rest[0]}`,
      own: "eventID" in options,
      with: (id) => [verb, rest[0], object(rest[1]), { ...options, eventID: id }],
    };
  }
  if (platform === "meta" && verb === "trackSingle") {
    const options = object(rest[3]);
    return {
      name: `${rest[1]}`,
      own: "eventID" in options,
      with: (id) => [verb, rest[0], rest[1], object(rest[2]), { ...options, eventID: id }],
    };
  }
  if (platform === "tiktok") {
    const options = object(given[2]);
    return {
      name: verb,
      own: "event_id" in options,
      with: (id) => [verb, object(given[1]), { ...options, event_id: id }],
    };
  }
  const field = { pinterest: "event_id", snapchat: "client_dedup_id", google: "" }[platform as "pinterest"];
  if (verb !== (platform === "google" ? "event" : "track")) return null;
  const parameters = object(rest[1]);
  return {
    name: `${rest[0]}`,
    own: field !== "" && field in parameters,
    // Google has no event id; that the tag sent it is all there is to tell
    with: (id) => field ? [verb, rest[0], { ...parameters, [field]: id }, ...rest.slice(2)] : given,
  };
}

function handed(platform: Platform, given: unknown[]): unknown[] {
  try {
    const call = read(platform, given);
    if (!call || call.own || rules[platform]?.mode !== "share") return given;
    const id = idFor(platform, call.name);
    return id ? call.with(id) : given;
  } catch {
    return given; // a tag must work as if we were not there
  }
}

const wrapped = new WeakSet<object>();

/** Stands before a function without becoming another one: the vendor's own code finds its properties where it left them. */
function wrap(holder: Record<string, unknown>, name: string, platform: Platform): void {
  const before = holder[name];
  if (typeof before !== "function" || wrapped.has(before)) return;
  const ours = new Proxy(before, {
    apply: (target, self, given) => Reflect.apply(target, self, handed(platform, given)),
  });
  wrapped.add(ours);
  holder[name] = ours;
}

/** Vendors replace their stub when they have loaded, so this is looked at again with every event. */
function wrapAll(): void {
  const names = { meta: "fbq", pinterest: "pintrk", snapchat: "snaptr", google: "gtag" };
  for (const [platform, name] of Object.entries(names) as [keyof typeof names, string][]) {
    if (rules[platform] && tag(name)) wrap(self as never, name, platform);
  }
  if (rules.tiktok && tag("ttq")) wrap(tag("ttq") as never, "track", "tiktok");
}

/** Calls a tag for an event, where the merchant wants that and the tag knows the event. */
function fire(platform: Platform, event: StoreEvent): boolean {
  const rule = rules[platform];
  const name = NAMES[event.name]?.[platform]?.[0];
  if (rule?.mode !== "fire" || !name) return false;
  const call = (to: unknown, ...given: unknown[]) => typeof to === "function" && (to(...given), true);
  const parameters = parametersOf(platform, event);
  const { id } = event;
  switch (platform) {
    case "meta":
      return rule.id
        ? call(tag("fbq"), "trackSingle", rule.id, name, parameters, { eventID: id })
        : call(tag("fbq"), "track", name, parameters, { eventID: id });
    case "tiktok": {
      const ttq = tag("ttq");
      if (typeof ttq?.track !== "function") return false;
      ttq.track(name, parameters, { event_id: id });
      return true;
    }
    case "pinterest":
      return call(tag("pintrk"), "track", name, { ...parameters, event_id: id });
    case "snapchat":
      return call(tag("snaptr"), "track", name, { ...parameters, client_dedup_id: id });
    case "google":
      return call(tag("gtag"), "event", name, { ...parameters, ...rule.id && { send_to: rule.id } });
  }
}

function see(event: StoreEvent, sent: boolean): void {
  wrapAll();
  const fresh = promised.filter((one) => one.name === event.name && Date.now() - one.at < WAIT_MS);
  if (fresh[0] && !sent) {
    event.id = fresh[0].id;
    event.tags = {};
    for (const one of fresh) {
      given.add(one.platform + one.id);
      event.tags[one.platform] = one.at;
      promised.splice(promised.indexOf(one), 1);
    }
  }
  for (const platform of Object.keys(rules) as Platform[]) {
    try {
      if (!fire(platform, event)) continue;
      if (sent) report(event, platform);
      else event.tags = { ...event.tags, [platform]: Date.now() };
    } catch {
      // the tag's own trouble
    }
  }
  events.push(event);
}

if (own?.tell) {
  const before = own.seen as StoreEvent[];
  wrapAll();
  own.seen = { push: (event: StoreEvent) => see(event, false) };
  for (const event of before) see(event, true);
}
