import type { SocketRow } from "../../../src/observe/listing.js";

/** A row of the listing; what a test does not care about is dull. */
export function row(parts: Partial<SocketRow>): SocketRow {
  return {
    proto: "tcp",
    state: "ESTABLISHED",
    recvQ: 0,
    sendQ: 0,
    localAddress: "0.0.0.0",
    localPort: 0,
    remoteAddress: "0.0.0.0",
    remotePort: 0,
    timer: null,
    owner: "",
    fd: 0,
    uid: 0,
    inode: 0,
    ...parts,
  };
}

const A = "127.0.0.1";
const ends = (localPort: number, remotePort: number): Partial<SocketRow> => ({
  localAddress: A,
  localPort,
  remoteAddress: A,
  remotePort,
});

/** The sockets of which the kernel's own ss, netstat and lsof printed what the tests expect. */
export const KERNEL_ROWS: readonly SocketRow[] = [
  row({ state: "LISTEN", sendQ: 511, localAddress: A, localPort: 18080, owner: "node", fd: 19, inode: 11517 }),
  row({
    ...ends(34314, 18080),
    owner: "node",
    fd: 20,
    inode: 11518,
    timer: { name: "keepalive", ms: 4772, retransmits: 0 },
  }),
  row({ ...ends(18080, 34314), owner: "node", fd: 21, inode: 11519 }),
  row({ proto: "udp", state: "UNCONN", localPort: 18081, owner: "node", fd: 22, inode: 11520 }),
];
export const KERNEL_PID = 6204;
