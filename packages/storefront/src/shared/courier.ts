/**
 * Carries events to the server: opens the visit's session, signs, sends in batches, tries again while the page lives, and leaves in
 * storage what the next page has to send. Sending twice is harmless (the server knows an event by its id), losing is not; so an event is
 * forgotten only when the server has answered for it.
 */
import { type Subtle, tokenOf } from "./token.ts";
import {
  type Config,
  type Consent,
  consentText,
  parsed,
  type Session,
  type StoreEvent,
  type TagReport,
  type Visitor,
} from "./types.ts";

/** Server's limit. */
const MAX_BATCH = 50;
/** `keepalive` requests of a page may hold 64 KiB together, and a character may take three bytes: a batch that has so many takes no more. */
const MAX_CHARACTERS = 12e3;
/** A sent event without an answer is left alone this long: the answer may have been for a page that is gone. Also the step of retries. */
const IN_FLIGHT_MS = 8e3;

/** Of an event. What stands in storage may be others' writing. */
const ID = /^[\w-]{8,64}$/;

/** Saved as it is, so these names are read by later versions. */
interface Item {
  event: StoreEvent;
  /** Signed body and its token. */
  body?: string;
  token?: string;
  /** When it was last sent, ms; 0: not on its way. */
  sent: number;
  /** Its token was refused once: it was too old, or of a session that others wrote into storage. */
  again?: boolean;
}

/** What the server answers a session or a batch with. */
export interface Answer {
  results?: { reason?: string }[];
  visitor?: { visitor_id?: string | null };
  /** That the visitor id was given to this device; comes where no cookie can hold it. */
  visitor_proof?: string;
  cookies?: string[];
  /** To a batch "renew": the session is not that of the customer who is logged in now. */
  session?: { id: string; key: string; now: number; expires_at: number } | "renew";
  config: Config;
}

/** What the courier needs of the page or the sandbox. */
export interface Surroundings {
  subtle: Subtle;
  /** Where the server is, `*` for what is asked of it: "/apps/trakit/*", or "https://…/*?key=…" where Shopify does not sign. */
  address: string;
  fetch: typeof fetch;
  /** null while nothing may leave the device. */
  consent(): Consent | null;
  /** What is known of the visitor, the page's address, and what region and browser say of consent. */
  who(): { visitor: Visitor; url?: string; region: string | undefined; gpc: boolean | undefined };
  /** Texts saved by earlier pages. */
  saved(): string[] | Promise<string[]>;
  /** Saves an item by its id, or the session by "s"; null removes. May fail silently: storage is a convenience. */
  save(id: string, text: string | null): void;
  savedSession(): string | null | undefined | Promise<string | null | undefined>;
  /** A session is open: one kept from before, or with the answer that came just now. Its cookies are what the device should have. */
  received(session: Session, answer?: Answer): Promise<void> | void;
  /** Between two pieces of work: a turn for the page, where there is one. */
  rest(): Promise<void> | void;
}

export interface Courier {
  add(event: StoreEvent): void;
  /** Sends what waits; resolves when this round is over. */
  flush(): Promise<void>;
  /** Takes over what earlier pages left. */
  adopt(): Promise<void>;
  /** Forgets everything, here and in storage. */
  forget(): void;
  /**
   * One request outside the queue, on its way when this returns; undefined when no answer came back. `last`: it must arrive
   * also where the page goes now.
   */
  post(path: string, body: object, last?: boolean): Promise<Response | undefined>;
  /** Tells which tags had events of this session; a report that is lost is not made again. */
  tell(reports: TagReport[]): Promise<void>;
}

export function courier(at: Surroundings): Courier {
  const items = new Map<string, Item>();
  let session: Session | null = null;
  let opening: Promise<boolean | void> | undefined;
  let timer: ReturnType<typeof setTimeout>;
  let failures = 0;
  /** The server asked for so many seconds. */
  let pause = 0;
  /** The server wants nothing of this page. */
  let refused = false;
  /** It has asked for another session; once a page is enough. */
  let renewed = false;

  function later(ms: number): void {
    clearTimeout(timer);
    timer = setTimeout(flush, ms);
  }

  function keep(item: Item): void {
    if (items.has(item.event.id)) at.save(item.event.id, JSON.stringify(item));
  }

  function setSession(next: Session | null): void {
    session = next;
    at.save("s", next && JSON.stringify(next));
  }

  /** Another session signs what is not sent yet. */
  function renew(): void {
    setSession(null);
    for (const item of items.values()) delete item.token;
  }

  async function post(path: string, body: object, last = path === "event"): Promise<Response | undefined> {
    const text = JSON.stringify(body);
    try {
      return await at.fetch(at.address.replace("*", path), {
        method: "POST",
        // goes as plain text, which needs no preflight where the server is another host
        body: text,
        // costs the page more than the rest of the call; a session nobody waits for is no loss
        keepalive: last && text.length < 2e4,
      });
    } catch {
      return undefined;
    }
  }

  /** What the server said, or undefined when that is to be asked again. */
  async function ask(path: string, consent: Consent, events?: object): Promise<Answer | undefined> {
    const { language, userAgent } = navigator;
    const response = await post(path, {
      ...at.who(),
      consent,
      language,
      user_agent: userAgent,
      events,
    });
    const status = `${response?.status}`;
    pause = +(response?.headers.get("retry-after") as never);
    failures++;
    // 400 and 413: this batch is what the server cannot read, not the next one
    if (/^20|400|413/.test(status)) {
      return await response!.json().catch(() => status > "3" ? {} : undefined) as Answer | undefined;
    }
    refused = /^40[34]$/.test(status);
    if (status === "401") renew();
    return undefined;
  }

  /** Sees to a session and to signatures; false when there is none to be had now. */
  async function open(consent: Consent): Promise<boolean> {
    const text = consentText(consent);
    const usable = () => {
      const left = session && session.end - Date.now();
      // one kept in storage may be others' writing: no session lasts longer than a day
      return session?.consent === text && left! > 0 && left! < 9e7 && session.cookies && session.config;
    };
    if (!usable()) {
      session = parsed(await at.savedSession());
      let answer: Answer | undefined;
      if (!usable()) {
        session = null;
        await at.rest();
        answer = await ask("session", consent);
        const opened = answer?.session as Exclude<Answer["session"], string>;
        if (!opened) return false;
        failures = 0;
        // consent may have changed meanwhile
        if (consentText(at.consent() ?? consent) !== text) return false;
        const skew = opened.now - Date.now();
        setSession({
          ...opened,
          skew,
          end: opened.expires_at - skew - 6e4,
          consent: text,
          cookies: answer!.cookies!,
          config: answer!.config,
        });
      }
      await at.received(session!, answer);
    }
    await Promise.all([...items.values()].map(sign));
    return true;
  }

  /** As the server takes it: the text, and that this session says it. */
  const signed = async ({ id, skew, key }: Session, of: string, name: string, body: string) => ({
    token: await tokenOf(at.subtle, { id, key }, of, name, Date.now() + skew, body),
    body,
  });

  async function sign(item: Item): Promise<void> {
    if (!session || item.token) return;
    const { event } = item;
    item.body ??= JSON.stringify({ ...event, timestamp: event.timestamp + session.skew });
    Object.assign(item, await signed(session, event.id, event.name, item.body));
    keep(item);
  }

  async function send(consent: Consent): Promise<void> {
    const now = Date.now();
    let size = 0;
    const batch = [...items.values()].filter((item) =>
      item.token && !(Math.abs(now - item.sent) < IN_FLIGHT_MS) && size < MAX_CHARACTERS &&
      (size += `${item.body}`.length)
    ).slice(0, MAX_BATCH);
    if (!size) return;
    for (const item of batch) {
      item.sent = now;
      keep(item);
    }
    const answer = await ask("event", consent, batch.map(({ token, body }) => ({ token, body })));
    if (answer) failures = 0;
    batch.forEach((item, index) => {
      item.sent = 0;
      if (!answer) return;
      if (!item.again && /_token$/.test(`${answer.results?.[index]?.reason}`)) {
        item.again = true;
        renew();
      } else {
        items.delete(item.event.id);
        at.save(item.event.id, null);
      }
    });
    if (answer?.cookies && session && at.consent()) {
      setSession({ ...session, cookies: answer.cookies });
      void at.received(session!, answer);
    }
    if (answer?.session === "renew" && !renewed) {
      renewed = true;
      renew();
      void flush();
    }
  }

  async function flush(): Promise<void> {
    const consent = at.consent();
    if (refused || !consent) return;
    // whoever asks meanwhile waits for the same session and signatures
    opening ??= open(consent).catch(() => {
      // what is kept of a session is none
      failures++;
      renew();
    });
    const opened = await opening;
    opening = undefined;
    if (opened) {
      await at.rest();
      await send(consent);
    }
    if (items.size || !opened) {
      later(pause * 1e3 || IN_FLIGHT_MS * (failures || +[...items.values()].every(({ sent }) => sent)));
    }
  }

  return {
    add(event) {
      const item = { __proto__: null, event, sent: 0 } as Item;
      items.set(event.id, item);
      if (at.consent()) keep(item);
      void sign(item).then(flush);
    },
    flush,
    async adopt() {
      for (const text of await at.saved()) {
        const item = parsed(text);
        const id = item?.event?.id ?? "";
        // one too old is refused by the server, and forgotten then
        if (ID.test(id) && !items.has(id)) items.set(id, item);
      }
    },
    forget() {
      for (const id of items.keys()) at.save(id, null);
      items.clear();
      setSession(null);
    },
    post,
    async tell(reports) {
      const by = session;
      if (!by) return;
      const fired = await Promise.all(
        reports.map((report) =>
          signed(by, report.event_id, "tag_fired", JSON.stringify({ ...report, at: report.at + by.skew }))
        ),
      );
      await post("event", { events: [], fired });
    },
  };
}
