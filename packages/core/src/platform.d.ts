/**
 * The few deterministic platform pieces the pure packages may use, declared by hand: with no other types in reach,
 * the compiler refuses fetch, process, timers and file access there.
 */
declare module "node:crypto" {
  interface Hash {
    update(data: string | Uint8Array, encoding?: "utf8"): Hash;
    digest(encoding: "hex" | "base64" | "base64url"): string;
    digest(): Uint8Array;
  }
  export function createHash(algorithm: "sha256"): Hash;
  /** Absent in older runtimes. */
  export const hash: ((algorithm: "sha256", data: string, encoding: "hex") => string) | undefined;
  export function createHmac(algorithm: "sha256", key: string | Uint8Array): Hash;
  export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
  export function hkdfSync(
    digest: "sha256",
    key: Uint8Array,
    salt: string,
    info: string,
    bytes: number,
  ): ArrayBuffer;
}
declare function btoa(text: string): string;
declare class URLSearchParams implements Iterable<[string, string]> {
  constructor(init?: string | Record<string, string> | [string, string][]);
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  delete(name: string): void;
  toString(): string;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}
declare class URL {
  constructor(url: string, base?: string | URL);
  static canParse(url: string, base?: string): boolean;
  href: string;
  readonly origin: string;
  protocol: string;
  host: string;
  hostname: string;
  pathname: string;
  search: string;
  hash: string;
  readonly searchParams: URLSearchParams;
  toString(): string;
}
declare class TextEncoder {
  encode(input?: string): Uint8Array;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(input?: Uint8Array): string;
}
