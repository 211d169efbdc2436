import type { Slots } from "../base/slots.js";
import { LookAhead } from "../ports/look-ahead.js";
import type { TupleTable } from "../ports/tuple-table.js";
import type { UdpEndpoint } from "./endpoint.js";

/** Reads ahead for datagrams of connected endpoints. */
export class EndpointLookAhead extends LookAhead {
  private readonly connected: Slots<UdpEndpoint>;

  constructor(tuples: TupleTable, connected: Slots<UdpEndpoint>) {
    super(tuples);
    this.connected = connected;
  }

  read(): void {
    const { values, connected } = this;
    const count = this.find();
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const index = values[i] as number;
      if (index >= 0) seen ^= connected.get(index).error;
    }
    for (let i = 0; i < count; i++) {
      const index = values[i] as number;
      if (index >= 0) seen ^= readLines(connected.get(index));
    }
    this.seen = seen;
  }
}

/** A field of each cache line that a datagram and its reading will need. */
function readLines(endpoint: UdpEndpoint): number {
  const { owner } = endpoint;
  const queued = owner?.readyQueued ? 1 : 0;
  return queued ^ endpoint.rcvLimit ^ endpoint.remotePort;
}
