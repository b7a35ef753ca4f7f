/** Style and script of the overview page: plain text, so that the page needs no build and no second request. */

export const STYLE = `
:root{--bg:#f6f7f9;--panel:#fff;--line:#dfe3e8;--text:#16202c;--soft:#5c6b7c;--good:#0f7b4f;--bad:#b3261e;--warn:#8a5a00;--warn-bg:#fff4dc;--accent:#2459c4}
@media (prefers-color-scheme:dark){:root{--bg:#0f141a;--panel:#171e27;--line:#2b3541;--text:#e6ebf1;--soft:#98a6b5;--good:#5fd39b;--bad:#ff8a80;--warn:#ffcf70;--warn-bg:#3a2d10;--accent:#8ab0ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.45 system-ui,sans-serif}
h1,h2,p,dl,dd{margin:0}h1{font-size:1.4rem}h2{font-size:1rem}
.top{display:flex;flex-wrap:wrap;gap:.5rem 2rem;justify-content:space-between;align-items:end;padding:1.25rem clamp(1rem,4vw,2.5rem) .5rem}
.top p{color:var(--soft)}.live{font-size:.85rem}.live.down{color:var(--bad);font-weight:600}
main{padding:.75rem clamp(1rem,4vw,2.5rem) 3rem}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr))}
.card,.log{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:1rem}
.card{display:flex;flex-direction:column;gap:.7rem}
.card header{display:flex;justify-content:space-between;gap:1rem;align-items:start}
.state{font-size:.8rem;color:var(--soft);text-align:right;flex:0 1 auto;max-width:60%;min-width:max-content}
.card.faulty{border-color:var(--warn)}.card.faulty .state{min-width:0}.card.faulty .state{color:var(--warn);background:var(--warn-bg);padding:.1rem .5rem;border-radius:6px;font-weight:600}
code,pre{font:12.5px/1.5 ui-monospace,monospace}.endpoint{color:var(--soft);overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:repeat(4,1fr);gap:.5rem}dt{font-size:.75rem;color:var(--soft)}dd{font-size:1.15rem;font-variant-numeric:tabular-nums}
.faults{display:flex;flex-wrap:wrap;gap:.35rem;margin-top:auto}
button,select{font:inherit;font-size:.85rem;color:inherit;background:transparent;border:1px solid var(--line);border-radius:7px;padding:.28rem .6rem;min-height:2rem}
select,select option{background:var(--panel)}
button{cursor:pointer}button:hover{border-color:var(--accent)}
button[aria-pressed=true]{background:var(--warn-bg);border-color:var(--warn);color:var(--warn);font-weight:600}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.log{margin-top:1rem}.bar{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;margin-bottom:.5rem}.bar h2{margin-right:auto}.bar label{font-size:.85rem;color:var(--soft)}
.rows details{border-top:1px solid var(--line)}
.rows summary{cursor:pointer;display:grid;grid-template-columns:6.5rem 6rem 4rem minmax(0,1fr) minmax(0,1.4fr);gap:.25rem .75rem;padding:.45rem .2rem;align-items:baseline}
.rows time{color:var(--soft);font-variant-numeric:tabular-nums}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.rows .status{font-weight:600}.rows .what,.rows .why{overflow-wrap:anywhere}
.rows pre{margin:0 0 .6rem;padding:.7rem;background:var(--bg);border-radius:7px;overflow:auto;max-height:24rem}
.empty{color:var(--soft);padding:.75rem 0}.empty[hidden]{display:none}
@media (max-width:46rem){.rows summary{grid-template-columns:auto auto 1fr}.rows .what,.rows .why{grid-column:1/-1}}
`;

export const SCRIPT = `
"use strict";
const FAULTS = [
  ["Slow 3 s", {kind:"latency",ms:3000}], ["503", {kind:"status",status:503}], ["500", {kind:"status",status:500}],
  ["Throttle", {kind:"throttle"}], ["429, wait 30 s", {kind:"throttle",retry_after:30}], ["Refuse token", {kind:"bad_token"}],
  ["Reset", {kind:"reset"}], ["Take, then reset", {kind:"reset_after"}], ["Hang", {kind:"hang"}],
];
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}
async function call(method, path, body) {
  const answer = await fetch(path, {method, body: body === undefined ? undefined : JSON.stringify(body)});
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.status === 204 ? null : answer.json();
}
function describe(fault) {
  if (!fault) return "no fault";
  const extra = [fault.ms !== undefined && fault.ms + " ms", fault.status, fault.retry_after !== undefined && "Retry-After " + fault.retry_after,
    fault.times && "of " + fault.times + " requests", fault.probability && Math.round(fault.probability * 100) + " %", fault.account].filter(Boolean).join(", ");
  return fault.kind + (extra ? " (" + extra + ")" : "") + " · met " + fault.hits;
}
function same(preset, fault) {
  return Boolean(fault) && ["kind","ms","status","retry_after"].every((key) => preset[key] === fault[key]);
}
for (const card of all(".card")) {
  const vendor = card.dataset.vendor;
  for (const [label, fault] of FAULTS) {
    const button = element("button", label);
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.fault = fault;
    button.addEventListener("click", async () => {
      const on = button.getAttribute("aria-pressed") === "true";
      await call(on ? "DELETE" : "PUT", "/_faults/" + vendor, on ? undefined : fault).catch(() => {});
      refresh();
    });
    one(".faults", card).append(button);
  }
}
function showCards(faults, counts) {
  for (const card of all(".card")) {
    const fault = faults[card.dataset.vendor];
    card.classList.toggle("faulty", Boolean(fault));
    one("[data-state]", card).textContent = describe(fault);
    for (const button of all("button", card)) button.setAttribute("aria-pressed", String(same(button.fault, fault)));
    for (const cell of all("[data-count]", card)) cell.textContent = counts[card.dataset.vendor][cell.dataset.count].toLocaleString();
  }
}
function row(request) {
  const details = element("details");
  details.dataset.seq = request.seq;
  const summary = element("summary");
  const at = new Date(request.at);
  const time = element("time", at.toLocaleTimeString());
  time.dateTime = at.toISOString();
  const names = [...new Set(request.events.map((event) => event.name || "?"))].join(", ");
  const what = request.events.length > 1 ? request.events.length + " × " + names : names;
  const tone = request.accepted ? (request.problems.length ? "warn" : "good") : "bad";
  const why = request.fault ? "fault: " + request.fault : request.problems[0] || (request.accepted ? "accepted" : "refused");
  summary.append(time, element("span", request.vendor), element("span", request.status === null ? "none" : String(request.status), "status " + tone),
    element("span", what || "no event", "what"), element("span", why, "why " + tone));
  details.append(summary);
  details.addEventListener("toggle", () => {
    if (details.open && !one("pre", details)) details.append(element("pre", JSON.stringify(request, null, 2)));
  });
  return details;
}
function showRows(requests) {
  const rows = one("[data-rows]");
  const known = new Map(all("details", rows).map((details) => [details.dataset.seq, details]));
  rows.replaceChildren(...requests.map((request) => known.get(String(request.seq)) || row(request)));
  one("[data-empty]").hidden = requests.length > 0;
}
async function refresh() {
  const vendor = one("[data-filter]").value;
  const live = one("[data-live]");
  try {
    const [faults, counts, requests] = await Promise.all([call("GET", "/_faults"), call("GET", "/_counts"),
      call("GET", "/_requests?limit=100" + (vendor ? "&vendor=" + vendor : ""))]);
    showCards(faults, counts);
    const refused = one("[data-refused]").checked;
    showRows(requests.reverse().filter((request) => !refused || !request.accepted));
    live.textContent = "live";
    live.classList.remove("down");
  } catch {
    live.textContent = "sandbox not reachable";
    live.classList.add("down");
  }
}
one("[data-filter]").addEventListener("change", refresh);
one("[data-refused]").addEventListener("change", refresh);
one("[data-clear]").addEventListener("click", () => call("DELETE", "/_requests").catch(() => {}).then(refresh));
async function poll() {
  if (!document.hidden) await refresh();
  setTimeout(poll, 2000);
}
poll();
`;
