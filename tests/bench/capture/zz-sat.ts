import { makeWebhook, post } from "/work/main/tests/bench/capture/load.ts";
const [url, seconds, conc] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
let n = 0, bad = 0; const end = performance.now() + seconds * 1000; const t0 = performance.now();
await Promise.all(Array.from({ length: conc }, async () => { while (performance.now() < end) { const w = makeWebhook("trakit-demo.myshopify.com", "bench_secret_0123456789abcdef"); const s = await post(url, w); if (s !== 200) bad++; n++; } }));
console.log("rate", (n / ((performance.now() - t0) / 1000)).toFixed(1), "bad", bad);
process.exit(0);
