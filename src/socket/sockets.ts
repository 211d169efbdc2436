import { Slots } from "../base/slots.js";
import type { Icmp } from "../icmp/icmp.js";
import type { Ipv4 } from "../ip/ipv4.js";
import type { Environment } from "../netif/environment.js";
import type { Tcp } from "../tcp/tcp.js";
import type { Udp } from "../udp/udp.js";
import type { SocketBase, SocketHost } from "./base.js";
import { loneTcpEntries, type SocketEntry } from "./entries.js";
import { IcmpSocket } from "./icmp-socket.js";
import { ReadyList } from "./ready-list.js";
import { TcpSocket } from "./tcp-socket.js";
import type { Socket, SocketType } from "./types.js";
import { UdpSocket } from "./udp-socket.js";

/** The numbers of sockets begin here, as a process's do after its standard streams. */
const FIRST_NUMBER = 3;

/** The sockets of a stack. */
export class Sockets implements SocketHost {
  readonly ip: Ipv4;
  readonly ready: ReadyList;
  readonly enter: () => void;
  private readonly icmp: Icmp;
  private readonly udp: Udp;
  private readonly tcp: Tcp;
  private readonly held = new Slots<SocketBase>();
  private inodes = 0;

  /**
   * @param enter called at the start of each call that can send or set a timer
   * @param wake called when a socket waits to be told that it is ready
   */
  constructor(env: Environment, ip: Ipv4, icmp: Icmp, udp: Udp, tcp: Tcp, enter: () => void, wake: () => void) {
    this.ip = ip;
    this.icmp = icmp;
    this.udp = udp;
    this.tcp = tcp;
    this.enter = enter;
    this.ready = new ReadyList(env.time.clock, wake);
  }

  /** Sockets open. */
  get count(): number {
    return this.held.count;
  }

  create(type: SocketType): Socket {
    if (type === "tcp") return new TcpSocket(this, this.tcp);
    if (type === "udp") return new UdpSocket(this, this.udp);
    return new IcmpSocket(this, this.icmp);
  }

  opened(socket: SocketBase): number {
    socket.inode = ++this.inodes;
    return this.held.add(socket) + FIRST_NUMBER;
  }

  closed(socket: SocketBase): void {
    this.held.remove(socket.number - FIRST_NUMBER);
  }

  /** A line for every socket, connection and record, in no order. @param details with what `ss -i` shows of TCP */
  entries(details: boolean): SocketEntry[] {
    const entries: SocketEntry[] = [];
    this.held.forEach((socket) => {
      const line = socket.entry(details);
      if (line !== null) entries.push(line);
    });
    return entries.concat(loneTcpEntries(this.tcp.context, details));
  }

  /** Closes every socket at once; connections are reset. */
  close(): void {
    this.held.forEach((socket) => {
      socket.reset();
    });
  }
}
