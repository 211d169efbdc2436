/**
 * An IP address as the layers above `ip` know it: an opaque int32, compared with ===. For IPv4 it is the 32 bits
 * themselves; no file above `ip/` may take it apart.
 */
export type Addr = number;

/** The unspecified address, 0.0.0.0: "any of ours" in a bind. */
export const ANY: Addr = 0;
/** 255.255.255.255 */
export const LIMITED_BROADCAST: Addr = -1;
/** 127.0.0.1 */
export const LOOPBACK: Addr = 0x7f000001;

/** Dotted decimal. */
export function formatAddr(addr: Addr): string {
  return `${addr >>> 24}.${(addr >>> 16) & 255}.${(addr >>> 8) & 255}.${addr & 255}`;
}

/** Strict dotted decimal (no octal, no shorthand), or null. */
export function parseAddr(text: string): Addr | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  let addr = 0;
  for (let i = 1; i <= 4; i++) {
    const part = match[i] as string;
    if (Number(part) > 255 || (part.length > 1 && part[0] === "0")) return null;
    addr = (addr << 8) | Number(part);
  }
  return addr | 0;
}

/** An address and the length of its prefix. */
export interface Prefix {
  readonly addr: Addr;
  /** 0 to 32 */
  readonly length: number;
}

/** `10.77.0.2/24`; without a length, /32. Null when it is not one. */
export function parsePrefix(text: string): Prefix | null {
  const [address, length, ...rest] = text.split("/");
  const addr = parseAddr(address ?? "");
  if (addr === null || rest.length > 0) return null;
  if (length === undefined) return { addr, length: 32 };
  if (!/^\d{1,2}$/.test(length) || Number(length) > 32) return null;
  return { addr, length: Number(length) };
}

/** The mask of a prefix length, as int32. */
export function maskOf(length: number): number {
  return length === 0 ? 0 : -1 << (32 - length);
}

/** 127.0.0.0/8 */
export function isLoopback(addr: Addr): boolean {
  return addr >>> 24 === 127;
}

/** 224.0.0.0/4 */
export function isMulticast(addr: Addr): boolean {
  return addr >>> 28 === 14;
}

/** `02:77:00:00:00:02` to 6 bytes, or null. */
export function parseMac(text: string): Uint8Array | null {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return null;
  return Uint8Array.from(text.split(":"), (byte) => Number.parseInt(byte, 16));
}

/** 6 bytes to `02:77:00:00:00:02`. */
export function formatMac(mac: Uint8Array): string {
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}
