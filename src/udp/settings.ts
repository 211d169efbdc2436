import type { Config, Setting } from "../base/config.js";

const MIB = 1024 * 1024;
/** Linux's SK_MEM_READ_LOWAT floors: SOCK_MIN_RCVBUF and SOCK_MIN_SNDBUF. */
const LEAST_RCVBUF = 2304;
const LEAST_SNDBUF = 4608;

/** Buffers of datagram sockets; the limits hold for every socket's SO_RCVBUF and SO_SNDBUF. */
export const UDP_SETTINGS: readonly Setting[] = [
  {
    name: "net.core.rmem_default",
    doc: "Receive buffer of a datagram socket. Memory is taken only for what is queued.",
    unit: "bytes",
    default: 212992,
    min: LEAST_RCVBUF,
  },
  {
    name: "net.core.rmem_max",
    doc: "The most that SO_RCVBUF can ask for; it is doubled, as Linux does.",
    unit: "bytes",
    default: 4 * MIB,
    min: LEAST_RCVBUF,
    max: 512 * MIB,
  },
  {
    name: "net.core.wmem_default",
    doc: "Send buffer of a datagram socket.",
    unit: "bytes",
    default: 212992,
    min: LEAST_SNDBUF,
  },
  {
    name: "net.core.wmem_max",
    doc: "The most that SO_SNDBUF can ask for; it is doubled, as Linux does.",
    unit: "bytes",
    default: 4 * MIB,
    min: LEAST_SNDBUF,
    max: 512 * MIB,
  },
];

/** The settings as plain fields. */
export class SocketBuffers {
  rmemDefault = 0;
  rmemMax = 0;
  wmemDefault = 0;
  wmemMax = 0;

  constructor(config: Config) {
    config.watch<number>("net.core.rmem_default", (v) => {
      this.rmemDefault = v;
    });
    config.watch<number>("net.core.rmem_max", (v) => {
      this.rmemMax = v;
    });
    config.watch<number>("net.core.wmem_default", (v) => {
      this.wmemDefault = v;
    });
    config.watch<number>("net.core.wmem_max", (v) => {
      this.wmemMax = v;
    });
  }

  /** What SO_RCVBUF sets when it is asked for `bytes` (socket(7)): limited, then doubled, then no less than the floor. */
  receive(bytes: number): number {
    return Math.max(Math.min(Math.max(bytes, 0), this.rmemMax) * 2, LEAST_RCVBUF);
  }

  /** What SO_SNDBUF sets. */
  send(bytes: number): number {
    return Math.max(Math.min(Math.max(bytes, 0), this.wmemMax) * 2, LEAST_SNDBUF);
  }
}
