/**
 * Local stand-ins for the six vendors' APIs on one port, chosen by path. They refuse what the vendors would refuse,
 * by the vendors' documentation and not by our own mapping code: a second opinion on it. Nothing leaves the machine.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { VENDORS } from "./all.ts";
import { json } from "./checks.ts";
import { type Control, handleControl, type SandboxSettings } from "./control.ts";
import { createFaultBoard, type Fault } from "./faults.ts";
import { type LoginOptions, type PlatformLogins, platformLogins } from "./oauth.ts";
import { createRecorder, type Recorded } from "./record.ts";
import type { Answer, Handled, SeenEvent, Vendor, VendorRequest, VendorState } from "./types.ts";

/** No vendor takes more than a few MB; this only protects the machine. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Longer than clients keep idle connections, so that a reused one is not closed under them. */
const KEEP_ALIVE_MS = 75_000;

export interface VendorSandboxOptions {
  /** 0 = any free port. */
  port: number;
  host?: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** In [0, 1), for faults with a probability. */
  random?: () => number;
  /** Waits for the `latency` fault; the signal aborts at close. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  settings?: Partial<SandboxSettings>;
  /** Redirect addresses registered with the platforms' apps; the local stack's where nothing is said. */
  redirect?: LoginOptions["redirect"];
}

export interface VendorSandbox {
  url: string;
  port: number;
  /** Stops listening and cuts every connection, hanging ones too. */
  close(): Promise<void>;
  /** The newest requests, newest last. */
  requests(): Recorded[];
  /** The platforms' authorization servers. */
  logins: PlatformLogins;
  /** Forgets requests, copies, totals and faults; settings stay. */
  reset(): void;
}

function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}

/** What became of a request: its answer (null: none is given) and how it enters the record. */
interface Outcome {
  answer: Answer | null;
  accepted: boolean;
  counted: boolean;
  problems: string[];
  events: SeenEvent[];
}

/** Takes everything readable, for benches that measure the sender and not the stand-in. */
function acceptUnchecked(
  vendor: Vendor,
  request: VendorRequest,
  body: unknown,
  state: VendorState,
): Handled {
  const events = vendor.list(body);
  for (const event of events) event.accepted = true;
  const accepted = vendor.success(events.length, request, state);
  return { ...accepted, accepted: true, counted: true, problems: [], events };
}

function faultAnswer(
  fault: Fault,
  vendor: Vendor,
  account: string | null,
  state: VendorState,
): Answer | null {
  if (fault.kind === "bad_token") return vendor.refuseToken(state);
  if (fault.kind === "throttle") return vendor.throttle(state, account, fault.retry_after ?? null);
  if (fault.kind !== "status") return null;
  const answer = vendor.failure(fault.status, state);
  if (fault.retry_after === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, "retry-after": String(fault.retry_after) } };
}

/** Whether the request is processed although it meets the fault. */
function processes(fault: Fault | null): boolean {
  return fault === null || fault.kind === "latency" || fault.kind === "reset_after";
}

function readBody(request: IncomingMessage, done: (body: Buffer | null) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  request.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on("end", () => {
    done(size > MAX_BODY_BYTES ? null : chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
  });
  // A sender that gives up in the middle has sent nothing: there is nobody to answer.
  request.on("error", () => chunks.length = 0);
}

function send(response: ServerResponse, answer: Answer, head = false): void {
  if (response.destroyed) return;
  const headers: Record<string, string | number> = { ...answer.headers };
  if (answer.status !== 204) headers["content-length"] = Buffer.byteLength(answer.body);
  response.writeHead(answer.status, headers);
  response.end(head ? undefined : answer.body);
}

/**
 * Starts the stand-ins. Rejects when the port is taken. Control routes and the overview page: see control.ts.
 */
export async function startVendorSandbox(options: VendorSandboxOptions): Promise<VendorSandbox> {
  const host = options.host ?? "127.0.0.1";
  const closing = new AbortController();
  const sleep = options.sleep ?? sleepFor;
  const recorder = createRecorder();
  const faults = createFaultBoard(options.random ?? Math.random);
  const settings: SandboxSettings = { record: "full", instant: false, ...options.settings };
  const control: Control = { faults, recorder, settings, vendors: Object.values(VENDORS) };
  const logins = platformLogins({
    now: options.now,
    hex: (bytes) => randomBytes(bytes).toString("hex"),
    ...(options.redirect ? { redirect: options.redirect } : {}),
  });
  let seq = 0;

  function serveVendor(
    vendor: Vendor,
    request: VendorRequest,
    target: string,
    response: ServerResponse,
  ): void {
    seq += 1;
    const at = options.now();
    const state: VendorState = { now: at, trace: `sandbox-${seq}` };
    const body = vendor.parse(request);
    const account = vendor.account(request, body);
    const fault = faults.meet(vendor.name, { account, token: () => vendor.token(request, body) });
    const outcome = outcomeOf(vendor, request, body, account, fault, state);
    const silent = fault?.kind === "reset" || fault?.kind === "reset_after" || fault?.kind === "hang";
    recorder.add(
      {
        seq,
        vendor: vendor.name,
        at,
        method: request.method,
        path: target,
        body: request.body,
        accepted: outcome.accepted,
        status: silent ? null : outcome.answer?.status ?? null,
        problems: outcome.problems,
        fault: fault?.kind ?? null,
        events: outcome.events,
      },
      account,
      outcome.counted,
      settings.record === "full",
    );
    if (fault?.kind === "hang") return;
    if (silent || outcome.answer === null) {
      response.socket?.resetAndDestroy();
      return;
    }
    const { answer } = outcome;
    if (fault?.kind !== "latency") return send(response, answer);
    sleep(fault.ms, closing.signal).then(() => {
      if (!closing.signal.aborted) send(response, answer);
    }, () => response.destroy());
  }

  function outcomeOf(
    vendor: Vendor,
    request: VendorRequest,
    body: unknown,
    account: string | null,
    fault: Fault | null,
    state: VendorState,
  ): Outcome {
    if (!processes(fault)) {
      const answer = fault === null ? null : faultAnswer(fault, vendor, account, state);
      const problems = [`fault: ${fault?.kind}`];
      return { answer, accepted: false, counted: false, problems, events: vendor.list(body) };
    }
    if (logins.over(vendor.token(request, body))) {
      const answer = vendor.refuseToken(state);
      return {
        answer,
        accepted: false,
        counted: false,
        problems: ["token: over"],
        events: vendor.list(body),
      };
    }
    const handled = settings.instant
      ? acceptUnchecked(vendor, request, body, state)
      : vendor.handle(request, body, state);
    return { ...handled, answer: handled };
  }

  const server = createServer((incoming, response) => {
    readBody(incoming, (bytes) => {
      const target = incoming.url ?? "/";
      const mark = target.indexOf("?");
      const path = mark < 0 ? target : target.slice(0, mark);
      const method = incoming.method ?? "GET";
      const query = new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1));
      if (bytes === null) {
        return send(response, json(413, { type: "about:blank", title: "Content Too Large", status: 413 }));
      }
      const body = bytes.toString("utf8");
      const vendor = Object.values(VENDORS).find((one) => one.owns(path));
      if (vendor !== undefined) {
        const request: VendorRequest = { method, path, query, headers: incoming.headers, body };
        return serveVendor(vendor, request, target, response);
      }
      const granted = logins.handle({ method, path, query, headers: incoming.headers, body });
      if (granted !== null) return send(response, granted);
      const head = method === "HEAD";
      const accept = incoming.headers.accept ?? "";
      send(
        response,
        handleControl({ method: head ? "GET" : method, path, query, accept, body }, control),
        head,
      );
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = 0;

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    close() {
      closing.abort();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
    requests: () => recorder.requests(),
    logins,
    reset() {
      faults.clear();
      logins.reset();
      recorder.clearRequests();
      recorder.clearEvents();
    },
  };
}
