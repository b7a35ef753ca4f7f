/**
 * SHA-256 and HMAC without WebCrypto. Shopify does not say whether the strict pixel sandbox keeps `crypto.subtle`; where it does not,
 * events would go unsigned, and a shop may refuse those. Slow (tens of microseconds per kilobyte), which is nothing for a few events.
 */
import type { Subtle } from "../shared/token.ts";

/** The first 32 bits of the fractional part of a root of each of the first primes (FIPS 180-4 §4.2.2, §5.3.3). */
function constants(count: number, root: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (prime) {
      const value = n ** (1 / root);
      found.push(((value - Math.floor(value)) * 2 ** 32) | 0);
    }
  }
  return found;
}

const K = constants(64, 3);
const START = constants(8, 2);

const rotate = (value: number, by: number): number => (value >>> by) | (value << (32 - by));

export function sha256(message: Uint8Array): Uint8Array {
  const length = message.length;
  const padded = new Uint8Array(((length + 8 >> 6) + 1) << 6);
  padded.set(message);
  padded[length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(padded.length - 4, length << 3);
  const state = [...START];
  const w = new Int32Array(64);
  for (let block = 0; block < padded.length; block += 64) {
    for (let i = 0; i < 64; i++) {
      if (i < 16) {
        w[i] = view.getInt32(block + i * 4);
        continue;
      }
      const a = w[i - 15]!;
      const b = w[i - 2]!;
      w[i] = w[i - 16]! + (rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)) + w[i - 7]! +
        (rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number];
    for (let i = 0; i < 64; i++) {
      const one =
        (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0;
      const two = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [a, b, c, d, e, f, g, h] = [(one + two) | 0, a, b, c, (d + one) | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => state[i] = (state[i]! + value) | 0);
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((value, i) => digest.setInt32(i * 4, value));
  return new Uint8Array(digest.buffer);
}

export function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const block = new Uint8Array(64);
  block.set(key.length > 64 ? sha256(key) : key);
  const keyed = (pad: number, rest: Uint8Array) => {
    const bytes = new Uint8Array(64 + rest.length);
    bytes.set(block.map((byte) => byte ^ pad));
    bytes.set(rest, 64);
    return sha256(bytes);
  };
  return keyed(0x5c, keyed(0x36, message));
}

export const pureSubtle: Subtle = {
  digest: (_algorithm, bytes) => Promise.resolve(sha256(bytes).buffer as ArrayBuffer),
  importKey: (_format, key) => Promise.resolve(key),
  sign: (_algorithm, key, bytes) => Promise.resolve(hmac(key, bytes).buffer as ArrayBuffer),
};
