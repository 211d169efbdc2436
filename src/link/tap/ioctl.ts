import { arch, endianness } from "node:os";

const LITTLE = endianness() === "LE";
// The direction bits of an ioctl number: asm-generic, and the three families that differ.
const OLD = /^(mips|mipsel|ppc|ppc64)$/.test(arch());
const WRITE = OLD ? 0x80000000 : 0x40000000;
const READ = OLD ? 0x40000000 : 0x80000000;

/** A request of linux/if_tun.h: type 'T', a 4 byte argument. */
const tun = (direction: number, nr: number): number => (direction | (4 << 16) | (0x54 << 8) | nr) >>> 0;

export const TUNSETIFF = tun(WRITE, 202);
export const TUNSETPERSIST = tun(WRITE, 203);
export const TUNSETOWNER = tun(WRITE, 204);
export const TUNGETFEATURES = tun(READ, 207);
export const TUNSETOFFLOAD = tun(WRITE, 208);
export const TUNSETVNETHDRSZ = tun(WRITE, 216);

export const SIOCGIFFLAGS = 0x8913;
export const SIOCSIFFLAGS = 0x8914;
export const SIOCGIFMTU = 0x8921;
export const SIOCSIFMTU = 0x8922;
export const SIOCSIFHWADDR = 0x8924;
export const SIOCGIFHWADDR = 0x8927;
export const SIOCGIFINDEX = 0x8933;
export const SIOCSIFTXQLEN = 0x8943;

export const IFF_UP = 1;
export const IFF_TAP = 2;
export const IFF_NO_PI = 0x1000;
export const IFF_VNET_HDR = 0x4000;
export const IFF_MULTI_QUEUE = 0x100;

const TUN_F_CSUM = 1;
const TUN_F_TSO4 = 2;
const TUN_F_TSO6 = 4;
const TUN_F_USO4 = 0x20;
const TUN_F_USO6 = 0x40;

/** Offload sets to ask for, the best first: UDP segmentation came with Linux 6.2. */
export const OFFLOAD_SETS: readonly number[] = [
  TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6,
  TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6,
  TUN_F_CSUM,
];
export const OFFLOAD_TSO4 = TUN_F_TSO4;
export const OFFLOAD_USO4 = TUN_F_USO4;

/** ARPHRD_ETHER */
const ETHER = 1;
const NAME_SIZE = 16;
/** sizeof(struct ifreq) on 64-bit machines; 32-bit ones use the first 32 bytes. */
const IFREQ_SIZE = 40;

/** An interface request: the name, then what the request is about. */
export class Ifreq {
  readonly bytes = new Uint8Array(IFREQ_SIZE);
  private readonly view = new DataView(this.bytes.buffer);

  constructor(name: string) {
    this.bytes.set(new TextEncoder().encode(name).subarray(0, NAME_SIZE - 1));
  }

  get name(): string {
    const end = this.bytes.indexOf(0);
    return new TextDecoder().decode(this.bytes.subarray(0, Math.min(end, NAME_SIZE)));
  }

  get flags(): number {
    return this.view.getUint16(NAME_SIZE, LITTLE);
  }

  set flags(flags: number) {
    this.view.setUint16(NAME_SIZE, flags, LITTLE);
  }

  /** ifr_mtu, ifr_ifindex, ifr_qlen */
  get value(): number {
    return this.view.getInt32(NAME_SIZE, LITTLE);
  }

  set value(value: number) {
    this.view.setInt32(NAME_SIZE, value, LITTLE);
  }

  /** ifr_hwaddr: a family, then 6 bytes. */
  get mac(): Uint8Array {
    return this.bytes.slice(NAME_SIZE + 2, NAME_SIZE + 8);
  }

  set mac(mac: Uint8Array) {
    this.view.setUint16(NAME_SIZE, ETHER, LITTLE);
    this.bytes.set(mac, NAME_SIZE + 2);
  }
}

/** An int by reference. */
export function int(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, LITTLE);
  return bytes;
}

export function intOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, LITTLE);
}
