/** The address the platform reports for a visitor. */
import { BlockList, isIP } from "node:net";

const notPublic = new BlockList();
notPublic.addSubnet("0.0.0.0", 8);
notPublic.addSubnet("10.0.0.0", 8);
notPublic.addSubnet("100.64.0.0", 10);
notPublic.addSubnet("127.0.0.0", 8);
notPublic.addSubnet("169.254.0.0", 16);
notPublic.addSubnet("172.16.0.0", 12);
notPublic.addSubnet("192.168.0.0", 16);
notPublic.addAddress("::", "ipv6");
notPublic.addAddress("::1", "ipv6");
notPublic.addSubnet("fc00::", 7, "ipv6");
notPublic.addSubnet("fe80::", 10, "ipv6");

/** Used when the visitor sits on this machine: an ordinary public address, since vendors have no use for a private one. */
export const STAND_IN_IP = "81.2.69.142";

/** `remote` if it is a public address (an IPv4-mapped one is unwrapped), else `standIn`. */
export function visitorIp(remote: string | undefined, standIn: string): string {
  if (remote === undefined) return standIn;
  const address = remote.replace(/^::ffff:(?=\d+\.)/i, "");
  const family = isIP(address);
  if (family === 0) return standIn;
  return notPublic.check(address, family === 6 ? "ipv6" : "ipv4") ? standIn : address;
}
