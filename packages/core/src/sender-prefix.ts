/** The eight groups of an IPv6 address in canonical form as URLs write it; null for anything else. */
function groups(address: string): string[] | null {
  if (!/^[0-9a-f:.]{2,45}$/i.test(address) || !URL.canParse(`http://[${address}]/`)) return null;
  const [head = "", tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const left = head === "" ? [] : head.split(":");
  const right = !tail ? [] : tail.split(":");
  const missing = 8 - left.length - right.length;
  return [...left, ...Array.from({ length: missing }, () => "0"), ...right];
}

/**
 * What of an address counts as one sender: IPv4 /24, IPv6 /56 (what one customer of a provider is usually given at most);
 * an IPv4 address written as IPv6 counts as the former. "" for what is no address: all of those are one sender.
 */
export function senderPrefix(address: string | null): string {
  const v4 = /^(?:::ffff:)?(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}$/i.exec(address ?? "");
  if (v4) return `${v4[1]}.0/24`;
  const found = groups(address ?? "");
  if (found === null) return "";
  const [a, b, c, d = "0"] = found;
  if (found.slice(0, 5).every((group) => group === "0") && found[5] === "ffff") {
    const [high, low] = [parseInt(found[6]!, 16), parseInt(found[7]!, 16)];
    return `${high >> 8}.${high & 255}.${low >> 8}.0/24`;
  }
  return `${a}:${b}:${c}:${(parseInt(d, 16) & 0xff00).toString(16)}::/56`;
}
