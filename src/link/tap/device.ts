import { EBUSY, EINVAL } from "../../base/errors.js";
import { formatAddr, formatMac, type Prefix } from "../../wire/address.js";
import type { Sys } from "./driver.js";
import { attachError, changeError, deviceError, failure } from "./errors.js";
import * as io from "./ioctl.js";
import { addAddress, listAddresses } from "./netlink.js";
import type { TapSettings } from "./options.js";

/** An open and configured TAP. */
export interface TapDevice {
  readonly fd: number;
  /** As the kernel has it: `tap3` for `tap%d`. */
  readonly name: string;
  /** It did not exist before, and goes with us unless it is made persistent. */
  readonly created: boolean;
  /** Bytes of vnet header before each frame: 12, or 0 without. */
  readonly header: number;
  readonly mtu: number;
  readonly hostMac: Uint8Array;
  /** The host side's IPv4 addresses. */
  readonly addresses: readonly Prefix[];
}

const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const AF_INET = 2;
const SOCK_DGRAM = 2;
/** sizeof(struct virtio_net_hdr_mrg_rxbuf) */
const VNET_HEADER = 12;
/**
 * Frames that wait for us. The kernel's 1000 are fewer than one receive window holds without offload, and it drops the
 * rest whenever this process is kept from reading for a millisecond.
 */
const QUEUE_LENGTH = 8192;

function exists(sys: Sys, control: number, name: string): boolean {
  return sys.ioctl(control, io.SIOCGIFINDEX, new io.Ifreq(name).bytes) >= 0;
}

/** Attaches `fd` to the interface; returns its name. */
function attach(sys: Sys, fd: number, name: string, flags: number): string {
  const request = new io.Ifreq(name);
  request.flags = flags;
  let result = sys.ioctl(fd, io.TUNSETIFF, request.bytes);
  if (result === -EINVAL) {
    // A TAP that was made with several queues takes only those who ask for one of them.
    request.flags = flags | io.IFF_MULTI_QUEUE;
    result = sys.ioctl(fd, io.TUNSETIFF, request.bytes);
    if (result === -EBUSY) result = -EINVAL;
  }
  if (result < 0) throw attachError(result, name);
  return request.name;
}

/** The kernel knows the vnet header. */
function hasHeader(sys: Sys, fd: number): boolean {
  const features = io.int(0);
  return sys.ioctl(fd, io.TUNGETFEATURES, features) >= 0 && (io.intOf(features) & io.IFF_VNET_HDR) !== 0;
}

/**
 * Offers the kernel the best offload set that it takes.
 * @returns TUN_F_* bits in force; 0: it delivers and takes plain frames only
 */
export function negotiateOffload(sys: Sys, fd: number, wanted: boolean): number {
  if (wanted) for (const set of io.OFFLOAD_SETS) if (sys.ioctl(fd, io.TUNSETOFFLOAD, set) >= 0) return set;
  sys.ioctl(fd, io.TUNSETOFFLOAD, 0);
  return 0;
}

/** One interface, through a socket that carries its ioctls. */
class Interface {
  readonly sys: Sys;
  readonly control: number;
  readonly name: string;

  constructor(sys: Sys, control: number, name: string) {
    this.sys = sys;
    this.control = control;
    this.name = name;
  }

  get(request: number, syscall: string): io.Ifreq {
    const ifreq = new io.Ifreq(this.name);
    const result = this.sys.ioctl(this.control, request, ifreq.bytes);
    if (result < 0) throw failure(result, syscall, this.name);
    return ifreq;
  }

  setMac(mac: Uint8Array | null): Uint8Array {
    const ifreq = this.get(io.SIOCGIFHWADDR, "SIOCGIFHWADDR");
    const current = ifreq.mac;
    if (mac === null || formatMac(mac) === formatMac(current)) return current;
    ifreq.mac = mac;
    const text = formatMac(mac);
    this.change(io.SIOCSIFHWADDR, "SIOCSIFHWADDR", ifreq, "change its MAC address", `address ${text}`);
    return mac;
  }

  setMtu(mtu: number | null): number {
    const ifreq = this.get(io.SIOCGIFMTU, "SIOCGIFMTU");
    const current = ifreq.value;
    if (mtu === null || mtu === current) return current;
    ifreq.value = mtu;
    this.change(io.SIOCSIFMTU, "SIOCSIFMTU", ifreq, `change its MTU from ${current} to ${mtu}`, `mtu ${mtu}`);
    return mtu;
  }

  setUp(): void {
    const ifreq = this.get(io.SIOCGIFFLAGS, "SIOCGIFFLAGS");
    if ((ifreq.flags & io.IFF_UP) !== 0) return;
    ifreq.flags |= io.IFF_UP;
    this.change(io.SIOCSIFFLAGS, "SIOCSIFFLAGS", ifreq, `set ${this.name} up`, "up");
  }

  /** A wish: with a shorter queue the device works too. */
  setQueueLength(length: number): void {
    const ifreq = new io.Ifreq(this.name);
    ifreq.value = length;
    this.sys.ioctl(this.control, io.SIOCSIFTXQLEN, ifreq.bytes);
  }

  setAddress(address: Prefix | null): readonly Prefix[] {
    const index = this.get(io.SIOCGIFINDEX, "SIOCGIFINDEX").value;
    const addresses = listAddresses(this.sys, index);
    if (typeof addresses === "number") throw failure(addresses, "RTM_GETADDR", this.name);
    if (address === null) return addresses;
    if (addresses.some((one) => one.addr === address.addr && one.length === address.length)) return addresses;
    const text = `${formatAddr(address.addr)}/${address.length}`;
    const result = addAddress(this.sys, index, address);
    if (result < 0) {
      const command = `ip address add ${text} dev ${this.name}`;
      throw changeError(result, "RTM_NEWADDR", this.name, `give it the address ${text}`, command);
    }
    return [address, ...addresses];
  }

  private change(request: number, syscall: string, ifreq: io.Ifreq, what: string, setting: string): void {
    const result = this.sys.ioctl(this.control, request, ifreq.bytes);
    const command = `ip link set ${this.name} ${setting}`;
    if (result < 0) throw changeError(result, syscall, this.name, what, command);
  }
}

function own(sys: Sys, fd: number, name: string, settings: TapSettings): void {
  const { owner, persist } = settings;
  if (owner !== null) {
    const result = sys.ioctl(fd, io.TUNSETOWNER, owner);
    const command = `ip tuntap add dev ${name} mode tap user ${owner}`;
    if (result < 0) throw changeError(result, "TUNSETOWNER", name, "give it to another user", command);
  }
  if (persist === null) return;
  const result = sys.ioctl(fd, io.TUNSETPERSIST, persist ? 1 : 0);
  if (result < 0) throw failure(result, "TUNSETPERSIST", name);
}

function configure(sys: Sys, fd: number, control: number, settings: TapSettings, header: boolean): TapDevice {
  const existed = !settings.name.includes("%") && exists(sys, control, settings.name);
  const vnet = header && hasHeader(sys, fd);
  const name = attach(sys, fd, settings.name, io.IFF_TAP | io.IFF_NO_PI | (vnet ? io.IFF_VNET_HDR : 0));
  if (vnet) {
    const result = sys.ioctl(fd, io.TUNSETVNETHDRSZ, io.int(VNET_HEADER));
    if (result < 0) throw failure(result, "TUNSETVNETHDRSZ", name);
  }
  // Until the link is opened nobody could make anything of a large frame.
  negotiateOffload(sys, fd, false);
  const netif = new Interface(sys, control, name);
  const hostMac = netif.setMac(settings.hostMac);
  const mtu = netif.setMtu(settings.mtu);
  if (!existed) netif.setQueueLength(QUEUE_LENGTH);
  netif.setUp();
  const addresses = netif.setAddress(settings.address);
  // Last, so that a device whose set-up failed goes away again.
  own(sys, fd, name, settings);
  return { fd, name, created: !existed, header: vnet ? VNET_HEADER : 0, mtu, hostMac, addresses };
}

/**
 * Opens, or makes, the TAP and gives it what the settings ask for, in the network namespace of this process. What is
 * as wished already is not touched, so that a device that root made and configured can be used without root.
 * @param vnet the driver can use vnet headers
 */
export function openDevice(sys: Sys, settings: TapSettings, vnet: boolean): TapDevice {
  const fd = sys.open(settings.device, O_RDWR | O_NONBLOCK);
  if (fd < 0) throw deviceError(fd, settings.device);
  const control = sys.socket(AF_INET, SOCK_DGRAM, 0);
  try {
    if (control < 0) throw failure(control, "socket", settings.name);
    return configure(sys, fd, control, settings, vnet && settings.offload);
  } catch (error) {
    sys.close(fd);
    throw error;
  } finally {
    if (control >= 0) sys.close(control);
  }
}
