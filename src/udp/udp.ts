import { EACCES, EINVAL, EMSGSIZE, ENETUNREACH, SystemError } from "../base/errors.js";
import { Slots } from "../base/slots.js";
import type { ErrorSender } from "../ip/input.js";
import type { Ipv4 } from "../ip/ipv4.js";
import type { IcmpReport, Transport } from "../ip/transport.js";
import { PROTO_UDP } from "../ip/transport.js";
import { RX_CSUM_PARTIAL, RX_CSUM_VALID } from "../link/link.js";
import type { Environment } from "../netif/environment.js";
import { type RxPacket, TO_BROADCAST, TO_HOST } from "../netif/packet.js";
import type { Binding } from "../ports/binding.js";
import type { PortSpace } from "../ports/port-space.js";
import { TupleTable } from "../ports/tuple-table.js";
import { type Addr, ANY, formatAddr, LOOPBACK } from "../wire/address.js";
import { verifies } from "../wire/checksum.js";
import { CODE_FRAGMENTATION_NEEDED, CODE_PORT, ICMP_UNREACHABLE } from "../wire/icmp.js";
import { UDP_CHECKSUM, UDP_HEADER, UDP_LENGTH } from "../wire/udp.js";
import { UdpCounters } from "./counters.js";
import { DatagramQueues, PUSHED, QUEUE_FULL } from "./datagram-queue.js";
import { PMTUDISC_DONT, UDP_ERROR, UDP_READABLE, UDP_WRITABLE, UdpEndpoint, type UdpOwner } from "./endpoint.js";
import { EndpointLookAhead } from "./look-ahead.js";
import { leaveAll } from "./membership.js";
import { UdpOutput } from "./output.js";
import { SocketBuffers } from "./settings.js";

/** UDP (RFC 768, RFC 1122 §4.1). */
export class Udp implements Transport {
  readonly counters = new UdpCounters();
  readonly buffers: SocketBuffers;
  readonly output: UdpOutput;
  readonly ahead: EndpointLookAhead;
  private readonly queues: DatagramQueues;
  private readonly env: Environment;
  private readonly ip: Ipv4;
  private readonly errors: ErrorSender;
  private readonly ports: PortSpace;
  /** The connected, by 4-tuple: an index into {@link connected}. */
  private readonly tuples: TupleTable;
  private readonly connected = new Slots<UdpEndpoint>();
  private readonly tellWritable: (endpoint: UdpEndpoint) => void;

  /** @param errors tells senders of closed ports */
  constructor(env: Environment, ip: Ipv4, errors: ErrorSender, ports: PortSpace) {
    this.env = env;
    this.ip = ip;
    this.errors = errors;
    this.ports = ports;
    this.tuples = new TupleTable(env.random);
    this.ahead = new EndpointLookAhead(this.tuples, this.connected);
    this.queues = new DatagramQueues(env.pool);
    this.buffers = new SocketBuffers(env.config);
    this.output = new UdpOutput(env.memory, ip, this.counters);
    this.tellWritable = (endpoint) => endpoint.owner?.endpointEvent(UDP_WRITABLE);
  }

  /** An endpoint that is bound to nothing. */
  createEndpoint(owner: UdpOwner | null): UdpEndpoint {
    return new UdpEndpoint(this.queues, owner, this.buffers.rmemDefault, this.buffers.wmemDefault);
  }

  input(packet: RxPacket): void {
    const { counters } = this;
    const { l4, l4Length } = packet;
    const { dv } = this.env.memory;
    const length = l4Length < UDP_HEADER ? 0 : dv.getUint16(l4 + UDP_LENGTH);
    // RFC 768: the length counts the header; RFC 1122 §4.1.3.4: a checksum that is there must be right.
    if (length < UDP_HEADER || length > l4Length) {
      counters.UdpInErrors++;
      counters.TapstackUdpInHdrErrors++;
      return;
    }
    if (
      (packet.flags & (RX_CSUM_VALID | RX_CSUM_PARTIAL)) === 0 &&
      dv.getUint16(l4 + UDP_CHECKSUM) !== 0 &&
      !this.verify(packet, length)
    ) {
      counters.UdpInErrors++;
      counters.UdpInCsumErrors++;
      return;
    }
    const ports = dv.getInt32(l4);
    const srcPort = ports >>> 16;
    const dstPort = ports & 0xffff;
    if (packet.to !== TO_HOST) {
      this.fanOut(packet, srcPort, dstPort, length - UDP_HEADER);
      return;
    }
    const endpoint = this.find(packet.dst, dstPort, packet.src, srcPort);
    if (endpoint === null) {
      // RFC 1122 §4.1.3.1: port unreachable.
      counters.UdpNoPorts++;
      this.errors.sendError(packet, ICMP_UNREACHABLE, CODE_PORT);
      return;
    }
    this.count(this.deliver(endpoint, packet, srcPort, length - UDP_HEADER));
  }

  /** RFC 1122 §4.1.3.3: errors reach the application; as Linux does, only that of a connected socket. */
  report(report: IcmpReport): void {
    const { dv } = this.env.memory;
    const ports = dv.getInt32(report.l4);
    const index = this.tuples.find(report.src, ports >>> 16, report.dst, ports & 0xffff);
    if (index < 0) {
      // RFC 5927 §4: nobody here can have sent that.
      if (this.ports.groupAt(report.src, ports >>> 16) === null) report.credible = false;
      return;
    }
    const tooBig = report.type === ICMP_UNREACHABLE && report.code === CODE_FRAGMENTATION_NEEDED;
    for (let e: UdpEndpoint | null = this.connected.get(index); e !== null; e = e.sameTuple) {
      if (tooBig ? e.mtuDiscover === PMTUDISC_DONT : !report.hard) continue;
      e.error = tooBig ? EMSGSIZE : report.errno;
      e.owner?.endpointEvent(UDP_ERROR);
    }
  }

  /** The link is writable again. */
  resume(): void {
    this.output.resume(this.tellWritable);
  }

  /** @throws SystemError of PortSpace.bind, EINVAL (bound already) */
  bind(endpoint: UdpEndpoint, addr: Addr, port: number, syscall = "bind"): void {
    if (endpoint.binding !== null)
      throw new SystemError(EINVAL, syscall, {
        address: formatAddr(addr),
        port,
        sentence: "the socket is already bound",
      });
    endpoint.binding = this.ports.bind(endpoint, addr, port, endpoint.reuseAddr, endpoint.reusePort, syscall);
    endpoint.boundAddr = addr;
    endpoint.boundPort = true;
  }

  /** Gives an unbound endpoint a port of the range. @throws SystemError EADDRINUSE */
  autobind(endpoint: UdpEndpoint): void {
    if (endpoint.binding !== null) return;
    endpoint.binding = this.ports.bind(endpoint, ANY, 0, endpoint.reuseAddr, endpoint.reusePort, "bind");
    endpoint.boundAddr = ANY;
    endpoint.boundPort = false;
  }

  /** Sets the peer, again if need be. @throws SystemError EACCES, ENETUNREACH, EADDRINUSE (no port), EINVAL (port 0) */
  connect(endpoint: UdpEndpoint, addr: Addr, port: number): void {
    const dst = addr === ANY ? LOOPBACK : addr;
    const where = { address: formatAddr(dst), port };
    if (port === 0) throw new SystemError(EINVAL, "connect", { ...where, sentence: "a peer has a port other than 0" });
    this.disconnect(endpoint);
    const route = this.output.routeFor(endpoint, dst);
    if (route === null) throw new SystemError(this.ip.routeError || ENETUNREACH, "connect", where);
    if (route.kind === TO_BROADCAST && !endpoint.broadcast)
      throw new SystemError(EACCES, "connect", {
        ...where,
        sentence: "set SO_BROADCAST to send to a broadcast address",
      });
    this.autobind(endpoint);
    const binding = endpoint.binding as Binding;
    const local = binding.addr === ANY ? route.src : binding.addr;
    endpoint.remoteAddr = dst;
    endpoint.remotePort = port;
    this.ports.move(binding, local, false);
    const known = this.tuples.find(local, binding.port, dst, port);
    endpoint.index = this.connected.add(endpoint);
    // The newest of several with SO_REUSEADDR and the same peer gets the datagrams.
    endpoint.sameTuple = known < 0 ? null : this.connected.get(known);
    if (known < 0) this.tuples.insert(local, binding.port, dst, port, endpoint.index);
    else this.tuples.set(local, binding.port, dst, port, endpoint.index);
  }

  /** Back to any peer; a port that only connect() had asked for is let go. */
  disconnect(endpoint: UdpEndpoint): void {
    const { binding } = endpoint;
    if (endpoint.index < 0 || binding === null) return;
    this.untie(endpoint, binding);
    endpoint.remoteAddr = ANY;
    endpoint.remotePort = 0;
    endpoint.route = null;
    if (endpoint.boundPort) this.ports.move(binding, endpoint.boundAddr, true);
    else {
      this.ports.release(binding);
      endpoint.binding = null;
    }
  }

  /** Sets SO_REUSEADDR and SO_REUSEPORT, also of one that is bound. */
  setReuse(endpoint: UdpEndpoint, reuseAddr: boolean, reusePort: boolean): void {
    endpoint.reuseAddr = reuseAddr;
    endpoint.reusePort = reusePort;
    if (endpoint.binding !== null) this.ports.setReuse(endpoint.binding, reuseAddr, reusePort);
  }

  /** Lets go of port, groups and whatever waits to be read. */
  close(endpoint: UdpEndpoint): void {
    if (endpoint.closed) return;
    endpoint.closed = true;
    const { binding } = endpoint;
    if (binding !== null) {
      if (endpoint.index >= 0) this.untie(endpoint, binding);
      this.ports.release(binding);
    }
    leaveAll(this.ip, endpoint);
    endpoint.binding = null;
    endpoint.route = null;
    endpoint.forget();
  }

  private verify(packet: RxPacket, length: number): boolean {
    const pseudo = this.ip.pseudoSum(packet.src, packet.dst, PROTO_UDP, length);
    return verifies(this.env.memory, packet.l4, length, pseudo);
  }

  /** Connected before unconnected, exact address before ANY, newest first, but for those who share by SO_REUSEPORT. */
  private find(dst: Addr, dstPort: number, src: Addr, srcPort: number): UdpEndpoint | null {
    const { tuples } = this;
    if (tuples.size > 0) {
      const index = tuples.find(dst, dstPort, src, srcPort);
      if (index >= 0) return this.connected.get(index);
    }
    const group = this.ports.groupAt(dst, dstPort);
    if (group === null) return null;
    const hash = group.sharing > 1 ? tuples.hash(dst, dstPort, src, srcPort) : 0;
    return group.choose(hash).owner as UdpEndpoint;
  }

  /** Puts the datagrams of one frame into a queue. @returns how many */
  private deliver(endpoint: UdpEndpoint, packet: RxPacket, srcPort: number, length: number): number {
    const at = packet.l4 + UDP_HEADER;
    const size = packet.gsoSize;
    let pushed = 0;
    if (size === 0 || size >= length) pushed = this.push(endpoint, packet, at, length, srcPort);
    // A frame that stands for several: each `size` bytes is a datagram of its own, the last may be shorter.
    else
      for (let done = 0; done < length; done += size)
        pushed += this.push(endpoint, packet, at + done, Math.min(size, length - done), srcPort);
    const { owner } = endpoint;
    if (pushed > 0 && owner !== null && !owner.readyQueued) owner.endpointEvent(UDP_READABLE);
    return pushed;
  }

  private push(endpoint: UdpEndpoint, packet: RxPacket, at: number, length: number, srcPort: number): number {
    const { counters } = this;
    const result = endpoint.push(at, length, packet.src, srcPort, packet.dst);
    if (result === PUSHED) {
      counters.UdpInDatagrams++;
      return 1;
    }
    counters.UdpInErrors++;
    if (result === QUEUE_FULL) counters.UdpRcvbufErrors++;
    else counters.UdpMemErrors++;
    return 0;
  }

  private count(pushed: number): void {
    if (pushed > 0) this.counters.TapstackUdpInFrames++;
    else this.counters.TapstackUdpInDrops++;
  }

  /** RFC 1122 §4.1.3.3, RFC 1112 §7.1: to a group or broadcast address, every socket that fits gets a copy. */
  private fanOut(packet: RxPacket, srcPort: number, dstPort: number, length: number): void {
    const { dst } = packet;
    let receivers = 0;
    let pushed = 0;
    const index = this.tuples.find(dst, dstPort, packet.src, srcPort);
    for (let e = index < 0 ? null : this.connected.get(index); e !== null; e = e.sameTuple) {
      receivers++;
      pushed += this.deliver(e, packet, srcPort, length);
    }
    for (let pass = 0; pass < 2; pass++) {
      const group = this.ports.exactGroup(pass === 0 ? dst : ANY, dstPort);
      if (group === null) continue;
      const { members } = group;
      for (let i = 0; i < members.length; i++) {
        receivers++;
        pushed += this.deliver((members[i] as Binding).owner as UdpEndpoint, packet, srcPort, length);
      }
    }
    if (receivers === 0) this.counters.UdpIgnoredMulti++;
    else this.count(pushed);
  }

  /** Takes a connected endpoint out of the table. */
  private untie(endpoint: UdpEndpoint, binding: Binding): void {
    const { addr, port } = binding;
    const first = this.connected.get(this.tuples.find(addr, port, endpoint.remoteAddr, endpoint.remotePort));
    if (first === endpoint) {
      const { sameTuple } = endpoint;
      if (sameTuple === null) this.tuples.remove(addr, port, endpoint.remoteAddr, endpoint.remotePort);
      else this.tuples.set(addr, port, endpoint.remoteAddr, endpoint.remotePort, sameTuple.index);
    } else {
      let e = first;
      while (e.sameTuple !== endpoint) e = e.sameTuple as UdpEndpoint;
      e.sameTuple = endpoint.sameTuple;
    }
    this.connected.remove(endpoint.index);
    endpoint.index = -1;
    endpoint.sameTuple = null;
  }
}
