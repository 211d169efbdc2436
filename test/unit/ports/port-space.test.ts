import { describe, expect, it } from "vitest";
import { Config, type SettingValue } from "../../../src/base/config.js";
import { EADDRNOTAVAIL } from "../../../src/base/errors.js";
import { SeededRandom } from "../../../src/platform/random.js";
import type { Binding } from "../../../src/ports/binding.js";
import { PortSpace } from "../../../src/ports/port-space.js";
import { PORT_SETTINGS, PortRange } from "../../../src/ports/settings.js";
import { TupleTable } from "../../../src/ports/tuple-table.js";
import { type Addr, ANY, parseAddr } from "../../../src/wire/address.js";

const US = parseAddr("10.77.0.2") as Addr;
const US2 = parseAddr("10.77.0.3") as Addr;
const PEER = parseAddr("10.77.0.1") as Addr;
const RANGE = "net.ipv4.ip_local_port_range";

function space(
  rules: "tcp" | "udp" = "tcp",
  overrides: Record<string, SettingValue> = {},
  slice?: { index: number; count: number },
) {
  const config = new Config(PORT_SETTINGS, overrides);
  const random = new SeededRandom(7);
  const range = new PortRange(config, slice);
  const ports = new PortSpace({ rules, random, range, mayBind: (addr) => addr === US || addr === US2 });
  const table = new TupleTable(random);
  const held = new Map<number, Binding>();
  /** An active open: what TCP does with the port that it is given. */
  const connect = (remote: Addr, remotePort: number, local = US): number => {
    const port = ports.connectPort(local, remote, remotePort, table);
    if (port < 0) return port;
    expect(table.find(local, port, remote, remotePort)).toBe(-1);
    table.insert(local, port, remote, remotePort, 1);
    ports.connected(local, port, remote, remotePort);
    held.set(port, ports.hold(local, port, false, false));
    return port;
  };
  const disconnect = (port: number, remote: Addr, remotePort: number, local = US): void => {
    table.remove(local, port, remote, remotePort);
    ports.disconnected(local, port, remote, remotePort);
    ports.release(held.get(port) as Binding);
  };
  return { config, ports, table, connect, disconnect };
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "ok";
}

describe("binding", () => {
  it("refuses what cannot be had, each with its own code and sentence", () => {
    const { ports } = space("tcp", { "net.ipv4.ip_unprivileged_port_start": 1024 });
    expect(() => ports.bind({}, PEER, 80, false, false)).toThrow(
      /EADDRNOTAVAIL 10\.77\.0\.1:80: .* not one of this stack/,
    );
    expect(() => ports.bind({}, ANY, 80, false, false)).toThrow(/EACCES 0\.0\.0\.0:80: ports below 1024/);
    ports.bind({}, ANY, 8080, false, false);
    expect(() => ports.bind({}, US, 8080, false, false, "listen")).toThrow(
      /listen EADDRINUSE 10\.77\.0\.2:8080: another socket/,
    );
  });

  it("follows ip_unprivileged_port_start while the stack runs, from 0 by default", () => {
    const { ports, config } = space();
    expect(codeOf(() => ports.release(ports.bind({}, ANY, 1, false, false)))).toBe("ok");
    config.set("net.ipv4.ip_unprivileged_port_start", 1024);
    expect(codeOf(() => ports.bind({}, ANY, 1023, false, false))).toBe("EACCES");
    expect(codeOf(() => ports.bind({}, ANY, 1024, false, false))).toBe("ok");
  });

  it("gives a port back once, and only when the last hold on it is gone", () => {
    const { ports } = space();
    const listener = ports.bind({}, ANY, 80, false, false);
    ports.listen(listener);
    const child = ports.inherit(listener, { localAddr: US });
    const sibling = ports.inherit(listener, { localAddr: US });
    expect(sibling).toBe(child);
    ports.release(listener);
    ports.release(listener);
    ports.release(child);
    expect(codeOf(() => ports.bind({}, ANY, 80, false, false))).toBe("EADDRINUSE");
    expect(codeOf(() => ports.release(ports.bind({}, US2, 80, false, false)))).toBe("ok");
    ports.release(sibling);
    expect(codeOf(() => ports.bind({}, ANY, 80, false, false))).toBe("ok");
    expect(ports.size).toBe(1);
  });

  it("lets a restarted server in beside its TIME-WAITs only with SO_REUSEADDR on both", () => {
    for (const [before, after, code] of [
      [true, true, "ok"],
      [true, false, "EADDRINUSE"],
      [false, true, "EADDRINUSE"],
    ] as const) {
      const { ports } = space();
      const listener = ports.bind({}, ANY, 80, before, false);
      ports.listen(listener);
      ports.inherit(listener, { localAddr: US });
      ports.release(listener);
      expect(codeOf(() => ports.bind({}, ANY, 80, after, false))).toBe(code);
    }
  });
});

describe("lookup", () => {
  it("prefers the exact address to ANY, and gives only those who receive", () => {
    const { ports } = space();
    const any = ports.bind({ who: "any" }, ANY, 80, false, true);
    const exact = ports.bind({ who: "exact" }, US, 80, false, true);
    expect(ports.lookup(US, 80)).toBeNull();
    ports.listen(any);
    expect(ports.lookup(US, 80)).toBe(any);
    ports.listen(exact);
    expect(ports.lookup(US, 80)).toBe(exact);
    expect(ports.lookup(US2, 80)).toBe(any);
    ports.release(exact);
    expect(ports.lookup(US, 80)).toBe(any);
    expect(ports.lookup(US, 81)).toBeNull();
  });

  it("gives UDP datagrams to the newest of those who share by SO_REUSEADDR", () => {
    const { ports } = space("udp");
    const first = ports.bind({}, US, 53, true, false);
    const second = ports.bind({}, US, 53, true, false);
    expect(ports.lookup(US, 53)).toBe(second);
    ports.release(second);
    expect(ports.lookup(US, 53)).toBe(first);
    expect([ports.exactGroup(ANY, 53), ports.exactGroup(US, 53)?.members.length]).toEqual([null, 1]);
  });

  it("leaves a moved binding at its new address, and nowhere when it no longer receives", () => {
    const { ports } = space("udp");
    const binding = ports.bind({}, ANY, 53, false, false);
    ports.move(binding, US, false);
    expect(ports.lookup(US, 53)).toBeNull();
    expect(codeOf(() => ports.bind({}, US, 53, false, false))).toBe("EADDRINUSE");
    expect(codeOf(() => ports.release(ports.bind({}, US2, 53, false, false)))).toBe("ok");
    ports.move(binding, ANY, true);
    expect(ports.lookup(US2, 53)).toBe(binding);
  });

  it("finds one of a thousand addresses at one port", () => {
    const random = new SeededRandom(1);
    const range = new PortRange(new Config(PORT_SETTINGS));
    const ports = new PortSpace({ rules: "udp", random, range, mayBind: () => true });
    const bindings = Array.from({ length: 1000 }, (_, i) => ports.bind({}, 0x0a000001 + i, 53, false, false));
    for (const binding of bindings) expect(ports.lookup(binding.addr, 53)).toBe(binding);
    for (const binding of bindings) ports.release(binding);
    expect(ports.lookup(0x0a000001, 53)).toBeNull();
    expect(ports.size).toBe(0);
  });
});

describe("SO_REUSEPORT", () => {
  const hashes = (() => {
    const random = new SeededRandom(3);
    return Array.from({ length: 4000 }, () => random.int32());
  })();

  function group(members: number) {
    const { ports } = space();
    const bindings = Array.from({ length: members }, (_, i) => ports.bind({ i }, ANY, 80, false, true));
    for (const binding of bindings) ports.listen(binding);
    return { ports, bindings };
  }

  it("spreads evenly and always the same way while the group is", () => {
    const { ports, bindings } = group(4);
    const counts = bindings.map((b) => hashes.filter((h) => ports.lookupGroup(US, 80, h) === b).length);
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    const before = hashes.map((h) => ports.lookupGroup(US, 80, h));
    expect(hashes.map((h) => ports.lookupGroup(US, 80, h))).toEqual(before);
  });

  it("gives every flow to somebody who is there after one has left", () => {
    const { ports, bindings } = group(4);
    ports.release(bindings[1] as Binding);
    for (const h of hashes) expect(bindings.indexOf(ports.lookupGroup(US, 80, h) as Binding)).not.toBe(1);
  });

  it("spreads among those with the option when one without it shares by SO_REUSEADDR", () => {
    const { ports } = space("udp");
    const plain = ports.bind({}, US, 53, true, false);
    const a = ports.bind({}, US, 53, true, true);
    const b = ports.bind({}, US, 53, true, true);
    const chosen = new Set(hashes.map((h) => ports.lookupGroup(US, 53, h)));
    expect(chosen).toEqual(new Set([a, b]));
    ports.setReuse(a, true, false);
    expect(ports.lookupGroup(US, 53, 1)).toBe(a);
    expect(chosen.has(plain)).toBe(false);
  });
});

describe("ephemeral ports of connect", () => {
  it("gives 28,232 to one destination, then none; one comes free and is found", () => {
    const { connect, disconnect, ports } = space();
    const seen = new Set<number>();
    for (let i = 0; i < 28_232; i++) seen.add(connect(PEER, 80));
    expect(seen.size).toBe(28_232);
    expect(Math.min(...seen)).toBe(32768);
    expect(Math.max(...seen)).toBe(60999);
    expect(connect(PEER, 80)).toBe(-EADDRNOTAVAIL);
    expect(ports.exhausted(PEER, 80).message).toMatch(
      /^connect EADDRNOTAVAIL 10\.77\.0\.1:80: all 28232 local ports .* in use to that/,
    );
    disconnect(45_678, PEER, 80);
    expect(connect(PEER, 80)).toBe(45_678);
    expect(connect(PEER, 80)).toBe(-EADDRNOTAVAIL);
  });

  it("counts each destination apart: of 10 ports the eleventh fails to one and succeeds to another", () => {
    const { connect } = space("tcp", { [RANGE]: [40000, 40009] });
    for (let i = 0; i < 10; i++) expect(connect(PEER, 80)).toBeGreaterThanOrEqual(40000);
    expect(connect(PEER, 80)).toBe(-EADDRNOTAVAIL);
    expect(connect(PEER, 81)).toBeGreaterThanOrEqual(40000);
    expect(connect(US2, 80)).toBeGreaterThanOrEqual(40000);
  });

  it.each([
    ["allows one port", (p: number) => p !== 40017, 1],
    ["allows none", () => true, 0],
    ["allows the even ones", (p: number) => p % 2 === 1, 50],
  ])("finds all there is when the table %s", (_, taken, expected) => {
    const { connect, table } = space("tcp", { [RANGE]: [40000, 40099] });
    for (let p = 40000; p < 40100; p++) if (taken(p)) table.insert(US, p, PEER, 80, 1);
    for (let i = 0; i < expected; i++) expect(taken(connect(PEER, 80))).toBe(false);
    expect(connect(PEER, 80)).toBe(-EADDRNOTAVAIL);
  });

  it("leaves alone reserved ports and ports that somebody asked for", () => {
    const { connect, ports } = space("tcp", {
      [RANGE]: [40000, 40004],
      "net.ipv4.ip_local_reserved_ports": "40000-40001",
    });
    const binding = ports.bind({}, US2, 40003, false, false);
    expect([connect(PEER, 80), connect(PEER, 80)].sort()).toEqual([40002, 40004]);
    expect(connect(PEER, 80)).toBe(-EADDRNOTAVAIL);
    ports.release(binding);
    expect(connect(PEER, 80)).toBe(40003);
  });

  it("does not hold a port for connect when only connections are left of one that was asked for", () => {
    const { ports, connect } = space("tcp", { [RANGE]: [40000, 40000] });
    const listener = ports.bind({}, ANY, 40000, true, false);
    ports.listen(listener);
    const child = ports.inherit(listener, { localAddr: US });
    ports.release(listener);
    expect(connect(PEER, 80)).toBe(-EADDRNOTAVAIL);
    ports.release(child);
    expect(connect(PEER, 80)).toBe(40000);
  });

  it("an empty slice has no port to choose", () => {
    for (let index = 0; index < 8; index++) {
      const { ports, connect } = space("tcp", { [RANGE]: "40000 40003" }, { index, count: 8 });
      const connected = connect(PEER, 80);
      const bound = codeOf(() => ports.bind(null, US2, 0, false, false));
      expect([bound, connected > 0]).toEqual(index % 2 === 0 ? ["EADDRINUSE", false] : ["ok", true]);
    }
  });

  it("keeps to its slice, and the slices together are the range", () => {
    const all = new Set<number>();
    for (let index = 0; index < 3; index++) {
      const { connect } = space("tcp", { [RANGE]: [40000, 40099] }, { index, count: 3 });
      for (let port = connect(PEER, 80); port > 0; port = connect(PEER, 80)) {
        expect(all.has(port)).toBe(false);
        all.add(port);
      }
    }
    expect(all.size).toBe(100);
  });

  it("follows the range while the stack runs", () => {
    const { connect, config } = space("tcp", { [RANGE]: [40000, 40000] });
    expect(connect(PEER, 80)).toBe(40000);
    expect(connect(PEER, 80)).toBe(-EADDRNOTAVAIL);
    config.set(RANGE, [40000, 40001]);
    expect(connect(PEER, 80)).toBe(40001);
    expect(() => config.set(RANGE, [50000, 40000])).toThrow(/first port is above the last/);
  });

  it("starts elsewhere for each destination and each secret, and moves on with each connection", () => {
    const first = (seed: number, remotePort: number) => {
      const range = new PortRange(new Config(PORT_SETTINGS));
      const random = new SeededRandom(seed);
      const ports = new PortSpace({ rules: "tcp", random, range, mayBind: () => true });
      const table = new TupleTable(random);
      return [ports.connectPort(US, PEER, remotePort, table), ports.connectPort(US, PEER, remotePort, table)] as const;
    };
    const starts = new Set([first(1, 80)[0], first(1, 81)[0], first(2, 80)[0], first(2, 81)[0]]);
    expect(starts.size).toBe(4);
    const [one, two] = first(1, 80);
    expect(two - one === 1 || two === 32768).toBe(true);
  });

  it("keeps nothing when all connections are gone", () => {
    const { connect, disconnect, ports } = space();
    const open = Array.from({ length: 500 }, () => connect(PEER, 80));
    expect(ports.destinationCount).toBe(1);
    for (const port of open) disconnect(port, PEER, 80);
    expect(ports.destinationCount).toBe(0);
    expect(ports.size).toBe(0);
  });
});

describe("ephemeral ports of bind", () => {
  it("gives each port of the range once per address, then says that the range is taken", () => {
    const { ports } = space("udp", { [RANGE]: [40000, 40009] });
    const given = Array.from({ length: 10 }, () => ports.bind({}, US, 0, false, false).port);
    expect(new Set(given).size).toBe(10);
    expect(() => ports.bind({}, US, 0, false, false)).toThrow(
      /EADDRINUSE 10\.77\.0\.2:0: every port from 40000 to 40009/,
    );
    expect(() => ports.bind({}, ANY, 0, false, false)).toThrow(/EADDRINUSE/);
    expect(ports.bind({}, US2, 0, false, false).port).toBeGreaterThanOrEqual(40000);
  });

  it("draws at random", () => {
    const { ports } = space("udp");
    const given = Array.from({ length: 100 }, () => ports.bind({}, ANY, 0, false, false).port);
    const steps = given.slice(1).filter((port, i) => Math.abs(port - (given[i] as number)) < 100);
    expect(steps.length).toBeLessThan(10);
  });
});
