/**
 * Serves every folder of functions/ as Supabase's hosted runtime does, in one Deno process:
 * `/functions/v1/<name>/…` reaches the handler that functions/<name>/index.ts gives to Deno.serve, with the path `/<name>/…`.
 * The index.ts files run as they are: Deno.serve and EdgeRuntime are replaced before they are imported.
 *
 * deno run … functions-server.ts --functions=<folder> --port=<n> [--watch-input]
 */
import { problem } from "@trakit/runtime/problem.ts";

type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Response | Promise<Response>;
type Loaded = { handler: Handler } | { failed: string };

const PREFIX = "/functions/v1/";
/** In-flight work may take this long to finish once we were asked to end. */
const GRACE_MS = 10_000;
/** A function whose module does not finish loading must not keep the others from starting. */
const LOAD_MS = 20_000;

const option = (name: string): string | undefined =>
  Deno.args.find((argument) => argument.startsWith(`--${name}=`))?.slice(name.length + 3);

// --- what the hosted runtime gives to functions -----------------------------------------------------------------------

const background = new Set<Promise<unknown>>();
(globalThis as { EdgeRuntime?: unknown }).EdgeRuntime = {
  waitUntil(promise: Promise<unknown>): void {
    const tracked: Promise<unknown> = Promise.resolve(promise)
      .catch((error: unknown) => report("background work failed", error))
      .finally(() => background.delete(tracked));
    background.add(tracked);
  },
};

const encoder = new TextEncoder();

function complain(text: string): void {
  Deno.stderr.writeSync(encoder.encode(`${text}\n`));
}

/** Code errors go to the terminal with their stack; they never reach a client. */
function report(what: string, error: unknown): void {
  complain(`${what}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
}

// on the hosted runtime an unhandled rejection ends one function's isolate; here it must not end all of them
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  report("unhandled rejection", event.reason);
});

const serve = Deno.serve;
let captured: Handler | null = null;

/** Deno.serve(handler), Deno.serve(options, handler) and Deno.serve({ handler, … }): the options' port means nothing hosted either. */
function capture(...given: unknown[]): unknown {
  const handler = given.find((one) => typeof one === "function") ??
    (given[0] as { handler?: unknown } | undefined)?.handler;
  if (typeof handler !== "function") throw new TypeError("Deno.serve was given no handler");
  captured = handler as Handler;
  return {
    addr: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
    finished: new Promise<void>(() => {}),
    ref() {},
    unref() {},
    shutdown: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
Object.defineProperty(Deno, "serve", { value: capture, configurable: true, writable: true });

// --- loading ----------------------------------------------------------------------------------------------------------

async function load(folder: URL, name: string): Promise<Loaded> {
  captured = null;
  let timer: number | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not loaded after ${LOAD_MS / 1000} s`)), LOAD_MS);
  });
  try {
    await Promise.race([import(new URL(`${name}/index.ts`, folder).href), timeout]);
    // the cast undoes what the compiler concludes from the assignment above: the import has run meanwhile
    const handler = captured as Handler | null;
    return handler ? { handler } : { failed: "index.ts never called Deno.serve" };
  } catch (error) {
    return { failed: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** One after the other: which function a call of Deno.serve belongs to is known by who is being loaded. */
async function loadAll(folder: URL): Promise<Map<string, Loaded>> {
  const functions = new Map<string, Loaded>();
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.isDirectory || !/^[A-Za-z][A-Za-z0-9_-]*$/.test(entry.name)) continue;
    const isFunction = await Deno.stat(new URL(`${entry.name}/index.ts`, folder)).then(
      () => true,
      () => false,
    );
    if (isFunction) names.push(entry.name);
  }
  for (const name of names.sort()) {
    const loaded = await load(folder, name);
    functions.set(name, loaded);
    if ("failed" in loaded) complain(`The function ${name} could not be loaded: ${loaded.failed}`);
  }
  return functions;
}

// --- serving ----------------------------------------------------------------------------------------------------------

/**
 * The request as a hosted runtime may pass it on: with every header a visitor wrote, those that name an address or a host
 * included, since no platform promises to drop them. Its address (and X-Forwarded-For, where absent) is shadowed on the object
 * itself: copying a Request costs ten times as much as routing it, and takes the fast path for its body away.
 */
function forwarded(request: Request, url: string, info: Deno.ServeHandlerInfo): Request {
  const shadow: PropertyDescriptorMap = {
    url: { value: url },
    clone: { value: () => forwarded(Request.prototype.clone.call(request), url, info) },
  };
  if (!request.headers.has("x-forwarded-for") && "hostname" in info.remoteAddr) {
    const headers = new Headers(request.headers);
    headers.set("x-forwarded-for", info.remoteAddr.hostname);
    shadow.headers = { value: headers };
  }
  return Object.defineProperties(request, shadow);
}

/** The app's page, which stands on a static host in production: read anew each time, filled in with this stack's settings. */
async function adminPage(): Promise<Response> {
  const text = await Deno.readTextFile(new URL("../../../admin/public/index.html", import.meta.url));
  const page = text.replace("__SHOPIFY_API_KEY__", Deno.env.get("SHOPIFY_API_KEY") ?? "")
    .replace("__TRAKIT_APP_URL__", Deno.env.get("TRAKIT_APP_URL") ?? "");
  return new Response(page, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": "frame-ancestors https://admin.shopify.com https://*.myshopify.com",
      "referrer-policy": "no-referrer",
    },
  });
}

function router(functions: ReadonlyMap<string, Loaded>): Handler {
  return async (request, info) => {
    const { url } = request;
    if (/^https?:\/\/[^/?]+\/admin\/?(\?|$)/.test(url)) return await adminPage();
    // "http://host/functions/v1/name/rest?query": the path begins at the third slash
    const path = url.indexOf("/", url.indexOf("//") + 2);
    const name = url.startsWith(PREFIX, path)
      ? /^[A-Za-z][A-Za-z0-9_-]*/.exec(url.slice(path + PREFIX.length))?.[0]
      : undefined;
    const end = path + PREFIX.length + (name?.length ?? 0);
    const found = name !== undefined && (end === url.length || "/?".includes(url[end]!))
      ? functions.get(name)
      : undefined;
    if (!found) {
      return problem({
        code: "unknown_function",
        status: 404,
        title: "There is no function at this address.",
        detail: `Functions are at ${PREFIX}<function>: ${[...functions.keys()].join(", ")}.`,
      });
    }
    if ("failed" in found) {
      return problem({
        code: "function_not_loaded",
        status: 503,
        title: "This function could not be loaded.",
        detail: `functions/${name}/index.ts: ${found.failed}`,
      });
    }
    try {
      return await found.handler(
        forwarded(request, url.slice(0, path) + url.slice(path + PREFIX.length - 1), info),
        info,
      );
    } catch (error) {
      report(`The function ${name} threw`, error);
      return problem({ code: "function_failed", status: 500, title: "The function failed." });
    }
  };
}

const folderPath = option("functions");
const port = Number(option("port") ?? 54321);
if (!folderPath) {
  complain("Name the folder of functions: --functions=<folder>.");
  Deno.exit(1);
}
const folder = new URL(
  `file://${folderPath.split("/").map(encodeURIComponent).join("/").replace(/\/?$/, "/")}`,
);
const functions = await loadAll(folder);
const server = serve({ hostname: "127.0.0.1", port, onListen() {} }, router(functions));

// --- ending -----------------------------------------------------------------------------------------------------------

/** Everything answered, and everything promised to waitUntil done, including what that work promised in turn. */
async function finish(): Promise<void> {
  await server.shutdown();
  while (background.size > 0) await Promise.all(background);
}

let ending = false;
function end(): void {
  if (ending) return;
  ending = true;
  const late = setTimeout(() => {
    complain(`ended with ${background.size} tasks unfinished after ${GRACE_MS / 1000} s`);
    Deno.exit(0);
  }, GRACE_MS);
  finish().finally(() => {
    clearTimeout(late);
    Deno.exit(0);
  });
}
for (const signal of Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGTERM", "SIGINT"] as const) {
  Deno.addSignalListener(signal, end);
}
if (Deno.args.includes("--watch-input")) {
  // the stack holds the other end: when it goes away, even by kill -9, so do we
  Deno.stdin.readable.pipeTo(new WritableStream()).catch(() => {}).finally(end);
}

Deno.stdout.writeSync(encoder.encode(`${
  JSON.stringify({
    ready: true,
    url: `http://127.0.0.1:${server.addr.port}`,
    functions: Object.fromEntries(
      [...functions].map(([name, loaded]) => [name, "failed" in loaded ? loaded.failed : "loaded"]),
    ),
  })
}\n`));
