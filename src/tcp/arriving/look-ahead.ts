import { LookAhead } from "../../ports/look-ahead.js";
import type { Connection } from "../connection.js";
import { KIND_CONNECTION } from "../constants.js";
import type { TcpContext } from "../context.js";

/** Reads ahead for segments of established connections. */
export class ConnectionLookAhead extends LookAhead {
  private readonly tcp: TcpContext;

  constructor(tcp: TcpContext) {
    super(tcp.tuples);
    this.tcp = tcp;
  }

  read(): void {
    const { values } = this;
    const { connections } = this.tcp;
    const count = this.find();
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const value = values[i] as number;
      if (value >= 0 && (value & 3) === KIND_CONNECTION) seen ^= connections.get(value >>> 2).state;
    }
    for (let i = 0; i < count; i++) {
      const value = values[i] as number;
      if (value >= 0 && (value & 3) === KIND_CONNECTION) seen ^= readLines(connections.get(value >>> 2));
    }
    this.seen = seen;
  }
}

/** A field of each cache line that a segment in order, its reading and its ACK will need; they are 8 bytes each. */
function readLines(c: Connection): number {
  const { owner, route } = c;
  const seen = (owner?.readyQueued ? 1 : 0) ^ (route === null ? 0 : route.generation);
  return seen ^ c.sndUna ^ c.ackPushed ^ c.keepProbes ^ c.windowClamp ^ c.sndQueued ^ c.sackBlocks ^ c.dontFragment;
}
