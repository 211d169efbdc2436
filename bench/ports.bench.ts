// Ephemeral ports: connect's choice and bind(0) with the default range empty, half full and all but exhausted.
import { Config } from "../src/base/config.js";
import { SeededRandom } from "../src/platform/random.js";
import { PortSpace } from "../src/ports/port-space.js";
import { PORT_SETTINGS, PortRange } from "../src/ports/settings.js";
import { TupleTable } from "../src/ports/tuple-table.js";
import { ANY } from "../src/wire/address.js";
import { type Case, machine, suite } from "./lib/suite.js";

const LOCAL = 0x0a4d0002;
const REMOTE = 0xc6120001 | 0;
const OPERATIONS = 512;

function makeSpace(rules: "tcp" | "udp", random: SeededRandom): { ports: PortSpace; range: PortRange } {
  const range = new PortRange(new Config(PORT_SETTINGS));
  return { ports: new PortSpace({ rules, random, range, mayBind: () => true }), range };
}

/** Connections to one destination on all ports of the range but `free` of them, spread over it. */
function connectCase(free: number): Case {
  const random = new SeededRandom(free);
  const { ports, range } = makeSpace("tcp", random);
  const tuples = new TupleTable(random, range.size);
  const step = range.size / free;
  let next = step / 2;
  for (let port = range.low; port <= range.high; port++) {
    if (port - range.low >= next) {
      next += step;
      continue;
    }
    tuples.insert(LOCAL, port, REMOTE, 80, 1);
    ports.connected(LOCAL, port, REMOTE, 80);
  }
  const run = (): number => {
    let sum = 0;
    for (let n = 0; n < OPERATIONS; n++) {
      const port = ports.connectPort(LOCAL, REMOTE, 80, tuples);
      if (port < 0) throw new Error("no port, though some are free");
      tuples.insert(LOCAL, port, REMOTE, 80, 1);
      ports.connected(LOCAL, port, REMOTE, 80);
      tuples.remove(LOCAL, port, REMOTE, 80);
      ports.disconnected(LOCAL, port, REMOTE, 80);
      sum += port;
    }
    return sum;
  };
  return { name: `connect and release, ${free} of ${range.size} free`, operations: OPERATIONS, run };
}

/** The same where none is free: what the refusal costs. */
function exhaustedCase(): Case {
  const random = new SeededRandom(7);
  const { ports, range } = makeSpace("tcp", random);
  const tuples = new TupleTable(random, range.size);
  for (let port = range.low; port <= range.high; port++) {
    tuples.insert(LOCAL, port, REMOTE, 80, 1);
    ports.connected(LOCAL, port, REMOTE, 80);
  }
  const run = (): number => {
    let sum = 0;
    for (let n = 0; n < OPERATIONS; n++) sum += ports.connectPort(LOCAL, REMOTE, 80, tuples);
    if (sum >= 0) throw new Error("a port, though none is free");
    return sum;
  };
  return { name: "connect, none free", operations: OPERATIONS, run };
}

/** bind(0) and release with all ports of the range bound but `free` of them. */
function bindCase(free: number): Case {
  const { ports, range } = makeSpace("udp", new SeededRandom(free));
  const step = range.size / free;
  let next = step / 2;
  for (let port = range.low; port <= range.high; port++) {
    if (port - range.low >= next) next += step;
    else ports.bind(null, ANY, port, false, false);
  }
  const run = (): number => {
    let sum = 0;
    for (let n = 0; n < OPERATIONS; n++) {
      const binding = ports.bind(null, ANY, 0, false, false);
      sum += binding.port;
      ports.release(binding);
    }
    return sum;
  };
  return { name: `bind(0) and release, ${free} of ${range.size} free`, operations: OPERATIONS, run };
}

console.log(machine());
await suite("ports", [
  ...[28_232, 14_116, 100, 12, 1].map(connectCase),
  exhaustedCase(),
  ...[28_232, 14_116, 100, 12, 1].map(bindCase),
]);
