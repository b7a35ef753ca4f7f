/** Which IP addresses are worth sending: a vendor matches people by public addresses only. */

/** Blocks no visitor can come from: "this network", private, shared (CGN), loopback, link-local, protocol, test, multicast, reserved. */
const CLOSED_V4: readonly [base: string, prefix: number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
];

const DOT = 46;
const ZERO = 48;

/** The address as a number, or null. Read digit by digit: this is done for every event. */
function v4Number(text: string): number | null {
  let value = 0;
  let part = -1;
  let parts = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at === text.length ? DOT : text.charCodeAt(at);
    if (code === DOT) {
      if (part < 0 || ++parts > 4) return null;
      value = value * 256 + part;
      part = -1;
    } else {
      const digit = code - ZERO;
      // A leading zero is octal to some readers and decimal to others.
      if (digit < 0 || digit > 9 || part === 0) return null;
      part = part < 0 ? digit : part * 10 + digit;
      if (part > 255) return null;
    }
  }
  return parts === 4 ? value : null;
}

/** First address and size of each closed block. */
const CLOSED: readonly (readonly [first: number, size: number])[] = CLOSED_V4.map(([base, prefix]) => [
  v4Number(base) ?? 0,
  2 ** (32 - prefix),
]);

/** First numbers (0 to 255) some closed block begins with or spans: any other address is public without a closer look. */
const CLOSED_FIRST = new Set(CLOSED.flatMap(([first, size]) => {
  const from = first >>> 24;
  return Array.from({ length: ((first + size - 1) >>> 24) - from + 1 }, (_, index) => from + index);
}));

function publicV4(value: number): boolean {
  if (!CLOSED_FIRST.has(value >>> 24)) return true;
  for (const [first, size] of CLOSED) if (value >= first && value < first + size) return false;
  return true;
}

/** The eight 16-bit groups of an IPv6 address, or null. */
function v6Groups(text: string): number[] | null {
  let source = text;
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (tail !== null) {
    const v4 = v4Number(tail[2] ?? "");
    if (v4 === null) return null;
    source = `${tail[1]}${Math.floor(v4 / 65536).toString(16)}:${(v4 % 65536).toString(16)}`;
  }
  const halves = source.split("::");
  if (halves.length > 2) return null;
  const [head = [], rest = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...rest];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return null;
  return groups.map((group) => Number.parseInt(group, 16));
}

function publicV6(groups: number[]): boolean {
  const [first = 0, second = 0, third = 0] = groups;
  // Only 2000::/3 is global unicast; 2001::/23 is for protocols (Teredo, ORCHID, benchmarking).
  if (first < 0x2000 || first > 0x3fff) return false;
  if (first === 0x2001 && second < 0x0200) return false;
  // 6to4 carries the IPv4 address it stands for.
  if (first === 0x2002) return publicV4(second * 65536 + third);
  return true;
}

/**
 * The address if a visitor on the public internet can have it, else null (malformed, private, loopback, link-local,
 * carrier NAT, multicast, reserved). IPv6 comes back in lower case, an IPv4 address mapped into IPv6 as plain IPv4.
 * The documentation blocks (192.0.2.0/24, 203.0.113.0/24, 2001:db8::/32 …) pass: no packet ever comes from them, and
 * every example and fixture uses them. Rules: IANA special-purpose address registries (RFC 6890).
 */
export function publicIp(ip: string | null | undefined): string | null {
  const trimmed = (ip ?? "").trim();
  if (trimmed === "" || trimmed.length > 45) return null;
  if (!trimmed.includes(":")) {
    const value = v4Number(trimmed);
    return value !== null && publicV4(value) ? trimmed : null;
  }
  const text = trimmed.toLowerCase();
  const groups = v6Groups(text);
  if (groups === null) return null;
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const [high = 0, low = 0] = groups.slice(6);
    return publicV4(high * 65536 + low) ? [high >> 8, high & 255, low >> 8, low & 255].join(".") : null;
  }
  return publicV6(groups) ? text : null;
}
