/**
 * Chromium without playwright, for what it does only when nobody has attached to every one of its pages: prerendering. One page is spoken
 * to over the DevTools protocol, as far as evaluating a text goes.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHROMIUM } from "./browser.ts";
import { until } from "./stack.ts";

interface Target {
  type: string;
  url: string;
  webSocketDebuggerUrl: string;
}

export interface PlainChromium {
  /** Value of a script in the page the visitor sees; promises are awaited. */
  evaluate<T>(text: string): Promise<T>;
  close(): Promise<void>;
}

/** Starts a browser on a page; rejects when none comes up. */
export async function plainChromium(url: string): Promise<PlainChromium> {
  const profile = await mkdtemp(join(tmpdir(), "trakit-chromium-"));
  const child = spawn(CHROMIUM, [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-port=0",
    `--user-data-dir=${profile}`,
    url,
  ], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => said += text);
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const address = await until(
    () => /DevTools listening on ws:\/\/(127\.0\.0\.1:\d+)\//.exec(said)?.[1],
    "Chromium's DevTools address",
  );

  async function evaluate<T>(text: string): Promise<T> {
    const targets = await (await fetch(`http://${address}/json/list`)).json() as Target[];
    const page = targets.find(({ type, url }) => type === "page" && url.startsWith("http"));
    if (!page) throw new Error("there is no page yet");
    const socket = new WebSocket(page.webSocketDebuggerUrl);
    try {
      return await new Promise<T>((done, failed) => {
        socket.onerror = () => failed(new Error("the page went away"));
        socket.onclose = () => failed(new Error("the page went away"));
        socket.onopen = () =>
          socket.send(JSON.stringify({
            id: 1,
            method: "Runtime.evaluate",
            params: { expression: text, awaitPromise: true, returnByValue: true },
          }));
        socket.onmessage = ({ data }) => {
          const { id, result } = JSON.parse(String(data)) as {
            id?: number;
            result?: { result: { value: T }; exceptionDetails?: { text: string } };
          };
          if (id !== 1) return;
          if (result?.exceptionDetails) failed(new Error(result.exceptionDetails.text));
          else done(result!.result.value);
        };
      });
    } finally {
      socket.close();
    }
  }

  return {
    evaluate,
    async close() {
      child.kill("SIGTERM");
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
