/** The strict sandbox of a web pixel: a worker that knows `analytics`, `browser`, `init`, `settings` and `customerPrivacy`, and no more. */
"use strict";

const calls = new Map();
const subscribers = [];
const privacySubscribers = [];
const published = [];
let nextCall = 0;

const call = (method) => (...given) =>
  new Promise((resolve, reject) => {
    const id = nextCall++;
    calls.set(id, { resolve, reject });
    postMessage({ kind: "call", id, method, given });
  });

const storage = (name) => ({
  getItem: call(`${name}.getItem`),
  setItem: call(`${name}.setItem`),
  removeItem: call(`${name}.removeItem`),
});

// the demo shop's panel shows what the pixel sent
const realFetch = self.fetch.bind(self);
self.fetch = async (url, init) => {
  const at = new Date().toISOString();
  const report = (status, answer) =>
    postMessage({ kind: "request", at, url: String(url), body: init && init.body, status, answer });
  try {
    const response = await realFetch(url, init);
    report(response.status, await response.clone().text());
    return response;
  } catch (error) {
    report(null, "");
    throw error;
  }
};

function deliver(event) {
  for (const { name, handler } of subscribers) {
    const all = name === "all_events" || (name === "all_standard_events" && event.type === "standard");
    if (all || name === event.name) handler(event);
  }
}

function start({ script, settings, init, published: before }) {
  published.push(...before);
  const api = {
    settings,
    init,
    analytics: {
      subscribe(name, handler) {
        subscribers.push({ name, handler });
        // Shopify plays back what happened before somebody listened
        for (const event of published) if (event.name === name) handler(event);
        return () => true;
      },
    },
    browser: {
      cookie: { get: call("cookie.get"), set: call("cookie.set") },
      localStorage: storage("localStorage"),
      sessionStorage: storage("sessionStorage"),
    },
    customerPrivacy: { subscribe: (_name, handler) => privacySubscribers.push(handler) },
  };
  self.shopify = { extend: (_point, run) => run(api) };
  importScripts(script);
}

self.onmessage = ({ data: message }) => {
  if (message.kind === "start") start(message);
  else if (message.kind === "event") {
    published.push(message.event);
    deliver(message.event);
  } else if (message.kind === "consent") {
    for (const handler of privacySubscribers) handler({ customerPrivacy: message.customerPrivacy });
  } else if (message.kind === "reply") {
    const { resolve, reject } = calls.get(message.id);
    calls.delete(message.id);
    if (message.error === undefined) resolve(message.value);
    else reject(new Error(message.error));
  }
};
