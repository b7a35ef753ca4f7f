/** The sandbox's own routes, all under `/_`: faults, settings, what was received. For tests and operators. */
import { z } from "zod";
import { json, parseJson } from "./checks.ts";
import { type FaultBoard, faultSchema, faultsSchema } from "./faults.ts";
import { overviewPage } from "./page.ts";
import type { Recorder } from "./record.ts";
import { VENDOR_NAMES, type VendorName } from "./names.ts";
import type { Answer, Vendor } from "./types.ts";

/**
 * - `record`: `full` keeps the newest requests; `counts` only totals and copies per event (for benches).
 * - `instant`: skips validation: every readable request of known events is taken, token or not.
 */
export const settingsSchema = z.strictObject({
  record: z.enum(["full", "counts"]),
  instant: z.boolean(),
});
export type SandboxSettings = z.infer<typeof settingsSchema>;

export interface Control {
  faults: FaultBoard;
  recorder: Recorder;
  settings: SandboxSettings;
  vendors: readonly Vendor[];
}

export interface ControlRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  accept: string;
  body: string;
}

const count = z.coerce.number().int().min(0);
const filterSchema = z.strictObject({
  vendor: z.enum(VENDOR_NAMES).optional(),
  limit: count.max(200_000).default(1000),
  since: count.optional(),
});

/** RFC 9457. `detail` never repeats what was sent. */
function problem(status: number, title: string, detail?: string): Answer {
  const body = { type: "about:blank", title, status, ...(detail === undefined ? {} : { detail }) };
  return { ...json(status, body), headers: { "content-type": "application/problem+json" } };
}

function unfit(error: z.ZodError): Answer {
  const detail = error.issues.map((issue) => `${issue.path.join(".") || "value"}: ${issue.message}`).join(
    "; ",
  );
  return problem(400, "Invalid request", detail);
}

const NO_CONTENT: Answer = { status: 204, headers: {}, body: "" };

function faultRoutes(request: ControlRequest, control: Control, vendor: VendorName | null): Answer {
  if (request.method === "GET") {
    const shown = control.faults.show();
    return json(200, vendor === null ? shown : shown[vendor]);
  }
  if (request.method === "DELETE") {
    if (vendor === null) control.faults.clear();
    else control.faults.set(vendor, null);
    return NO_CONTENT;
  }
  if (request.method !== "PUT") return problem(405, "Method not allowed", "GET, PUT or DELETE");
  const sent = parseJson(request.body);
  const given = faultsSchema.safeParse(vendor === null ? sent : {});
  if (!given.success) return unfit(given.error);
  if (vendor !== null) {
    const one = faultSchema.nullable().safeParse(sent);
    if (!one.success) return unfit(one.error);
    given.data[vendor] = one.data;
  }
  for (const name of VENDOR_NAMES) {
    const fault = given.data[name];
    if (fault !== undefined) control.faults.set(name, fault);
  }
  return json(200, control.faults.show());
}

function settingsRoutes(request: ControlRequest, control: Control): Answer {
  if (request.method === "PUT") {
    const given = settingsSchema.partial().safeParse(parseJson(request.body));
    if (!given.success) return unfit(given.error);
    Object.assign(control.settings, given.data);
  } else if (request.method !== "GET") return problem(405, "Method not allowed", "GET or PUT");
  return json(200, control.settings);
}

/** A list that can be read with a filter and cleared. */
function listRoutes(
  request: ControlRequest,
  read: (filter: z.infer<typeof filterSchema>) => unknown,
  clear: () => void,
): Answer {
  if (request.method === "DELETE") {
    clear();
    return NO_CONTENT;
  }
  if (request.method !== "GET") return problem(405, "Method not allowed", "GET or DELETE");
  const filter = filterSchema.safeParse(Object.fromEntries(request.query));
  return filter.success ? json(200, read(filter.data)) : unfit(filter.error);
}

function overview(request: ControlRequest, control: Control): Answer {
  const vendors = control.vendors.map(({ name, label, endpoint }) => ({ name, label, endpoint }));
  if (request.accept.includes("text/html")) return overviewPage(vendors);
  const routes = [
    "GET /_health",
    "GET /_counts",
    "GET|DELETE /_requests?vendor=&limit=&since=",
    "GET|DELETE /_events?vendor=&limit=",
    "GET|PUT|DELETE /_faults",
    "GET|PUT|DELETE /_faults/{vendor}",
    "GET|PUT /_settings",
  ];
  return json(200, { vendors, routes, faults: control.faults.show(), settings: control.settings });
}

/** Answers what is not a vendor's. Total: unknown routes get a 404 problem. */
export function handleControl(request: ControlRequest, control: Control): Answer {
  const { recorder } = control;
  const [, first = "", second = null, ...rest] = request.path.split("/");
  if (first === "_faults" && rest.length === 0) {
    const vendor = VENDOR_NAMES.find((name) => name === second) ?? null;
    if (second !== null && vendor === null) {
      return problem(404, "No such vendor", `One of ${VENDOR_NAMES.join(", ")}`);
    }
    return faultRoutes(request, control, vendor);
  }
  if (second !== null) return problem(404, "Not found", "GET / lists the routes");
  switch (first) {
    case "":
      return overview(request, control);
    case "favicon.ico":
      return NO_CONTENT;
    case "_health":
      return json(200, { status: "ok", vendors: VENDOR_NAMES });
    case "_counts":
      return json(200, recorder.totals());
    case "_settings":
      return settingsRoutes(request, control);
    case "_requests":
      return listRoutes(request, (filter) => recorder.requests(filter), () => recorder.clearRequests());
    case "_events":
      return listRoutes(request, (filter) => recorder.copies(filter), () => recorder.clearEvents());
    default:
      return problem(404, "Not found", "GET / lists the routes");
  }
}
