/** The overview page at `GET /`: what each vendor received, its fault switches, the newest requests. */
import type { Answer } from "./types.ts";
import { SCRIPT, STYLE } from "./page-assets.ts";

interface Shown {
  name: string;
  label: string;
  endpoint: string;
}

function card({ name, label, endpoint }: Shown): string {
  return `<article class="card" data-vendor="${name}">
  <header><h2>${label}</h2><span class="state" data-state>no fault</span></header>
  <code class="endpoint">${endpoint}</code>
  <dl>
    <div><dt>Requests</dt><dd data-count="requests">0</dd></div>
    <div><dt>Refused</dt><dd data-count="refused">0</dd></div>
    <div><dt>Events</dt><dd data-count="events">0</dd></div>
    <div><dt>Copies</dt><dd data-count="copies">0</dd></div>
  </dl>
  <div class="faults" role="group" aria-label="Faults of ${label}"></div>
</article>`;
}

/** A page that works without anything from elsewhere; everything that was sent is shown as text, never as HTML. */
export function overviewPage(vendors: readonly Shown[]): Answer {
  const options = vendors.map(({ name, label }) => `<option value="${name}">${label}</option>`).join("");
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>TrakIt vendor sandbox</title>
<style>${STYLE}</style>
</head>
<body>
<header class="top">
  <div>
    <h1>Vendor sandbox</h1>
    <p>Local stand-ins for the six platforms. They refuse what the platforms refuse; nothing leaves this machine.</p>
  </div>
  <p class="live" role="status" data-live>connecting…</p>
</header>
<main>
<section class="cards" aria-label="Vendors">
${vendors.map(card).join("\n")}
</section>
<section class="log" aria-labelledby="log-title">
  <div class="bar">
    <h2 id="log-title">Newest requests</h2>
    <label>Vendor <select data-filter><option value="">all</option>${options}</select></label>
    <label><input type="checkbox" data-refused> refused only</label>
    <button type="button" data-clear>Clear</button>
  </div>
  <div class="rows" data-rows></div>
  <p class="empty" data-empty>No request yet.</p>
</section>
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
  return {
    status: 200,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
    },
    body,
  };
}
