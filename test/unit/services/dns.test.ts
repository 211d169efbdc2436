import { setImmediate as turn } from "node:timers/promises";
import dnsPacket, { type Packet } from "dns-packet";
import { describe, expect, it } from "vitest";
import { dns } from "../../../src/services/dns.js";
import { dnsReply } from "../../../src/services/dns-reply.js";
import { OwnZones } from "../../../src/services/dns-zone.js";
import { exchange, FakeStack, readAll } from "./fake-stack.js";

const zones = new OwnZones("tapstack", "10.77.0.2");

type Decoded = ReturnType<typeof dnsPacket.decode> & {
  rcode: string;
  flag_aa: boolean;
  flag_tc: boolean;
  flag_rd: boolean;
};

function query(name: string, type = "A", more: Partial<Packet> = {}): Buffer {
  const questions = [{ name, type: type as "A" }];
  return dnsPacket.encode({ type: "query", id: 77, flags: dnsPacket.RECURSION_DESIRED, questions, ...more });
}

function ask(message: Buffer, stream = false): Decoded {
  return dnsPacket.decode(dnsReply(message, zones, stream)!) as Decoded;
}

describe("answers", () => {
  it.each([
    ["tapstack", "A", "NOERROR", "A 10.77.0.2", ""],
    ["TapStack", "A", "NOERROR", "A 10.77.0.2", ""],
    ["2.0.77.10.in-addr.arpa", "PTR", "NOERROR", "PTR tapstack", ""],
    ["tapstack", "NS", "NOERROR", "NS tapstack", ""],
    ["tapstack", "ANY", "NOERROR", "A 10.77.0.2", ""],
    ["tapstack", "AAAA", "NOERROR", "", "SOA"],
    ["2.0.77.10.in-addr.arpa", "A", "NOERROR", "", "SOA"],
    ["www.tapstack", "A", "NXDOMAIN", "", "SOA"],
    ["example.com", "A", "REFUSED", "", ""],
    ["3.0.77.10.in-addr.arpa", "PTR", "REFUSED", "", ""],
    ["nottapstack", "A", "REFUSED", "", ""],
  ])("%s %s: %s %s", (name, type, rcode, answer, authority) => {
    const reply = ask(query(name, type));
    expect(reply.id).toBe(77);
    expect(reply.rcode).toBe(rcode);
    expect(reply.flag_aa).toBe(rcode !== "REFUSED");
    expect(reply.flag_rd).toBe(true);
    expect(reply.questions?.map((q) => `${q.name} ${q.type}`)).toEqual([`${name} ${type}`]);
    const answers = (reply.answers ?? []).map((a) => `${a.type} ${(a as { data: string }).data}`);
    expect(answers.join(", ")).toBe(answer);
    expect((reply.authorities ?? []).map((a) => a.type).join(" ")).toBe(authority);
  });

  it("has an SOA", () => {
    const [soa] = ask(query("tapstack", "SOA")).answers ?? [];
    expect(soa).toMatchObject({ type: "SOA", data: { mname: "tapstack", rname: "hostmaster.tapstack" } });
  });

  it("refuses other classes", () => {
    expect(ask(query("tapstack", "A", { questions: [{ name: "tapstack", type: "A", class: "CH" }] })).rcode).toBe(
      "REFUSED",
    );
  });

  it("gives a question back byte for byte, whatever is in it", () => {
    const odd = Buffer.concat([query("x").subarray(0, 12), Buffer.from([3, 0xff, 0x2e, 0xc3, 0, 0xfe, 0xdc, 0, 1])]);
    const reply = dnsReply(odd, zones, false)!;
    expect(reply.subarray(12)).toEqual(odd.subarray(12));
    expect((reply[3] as number) & 15).toBe(5);
  });
});

describe("what is wrong with a query", () => {
  const opt = (version: number, size: number): Packet["additionals"] => [
    {
      type: "OPT",
      name: ".",
      udpPayloadSize: size,
      extendedRcode: 0,
      ednsVersion: version,
      flags: 0,
      flag_do: false,
      options: [],
    },
  ];

  it.each([
    ["shorter than a header", query("tapstack").subarray(0, 11), null],
    ["a response", dnsPacket.encode({ type: "response", id: 1, questions: [] }), null],
    ["a question cut off", query("tapstack").subarray(0, 20), "FORMERR"],
    ["no question", query("x", "A", { questions: [] }), "FORMERR"],
    [
      "two questions",
      query("x", "A", {
        questions: [
          { name: "a", type: "A" },
          { name: "b", type: "A" },
        ],
      }),
      "FORMERR",
    ],
    ["an update", query("tapstack", "A", { flags: 5 << 11 }), "NOTIMP"],
    ["two OPT records", query("tapstack", "A", { additionals: [...opt(0, 512)!, ...opt(0, 512)!] }), "FORMERR"],
  ])("%s", (_, message, rcode) => {
    const reply = dnsReply(message, zones, false);
    expect(reply === null ? null : (dnsPacket.decode(reply) as Decoded).rcode).toBe(rcode);
  });

  it("answers EDNS with EDNS, and another version with BADVERS", () => {
    const good = ask(query("tapstack", "A", { additionals: opt(0, 4096) }));
    expect(good.additionals?.[0]).toMatchObject({ type: "OPT", udpPayloadSize: 1232, extendedRcode: 0 });
    const bad = ask(query("tapstack", "A", { additionals: opt(1, 4096) }));
    expect(bad.additionals?.[0]).toMatchObject({ type: "OPT", extendedRcode: 1, ednsVersion: 0 });
    expect(bad.rcode).toBe("NOERROR");
    expect(bad.answers).toEqual([]);
  });

  it("cuts what does not fit 512 bytes of UDP, and not over TCP", () => {
    const label = "a".repeat(60);
    const long = `${label}.${label}.${label}.${"b".repeat(54)}.tapstack`;
    const plain = ask(query(long));
    expect(plain.flag_tc).toBe(false);
    const big = new OwnZones("n".repeat(60).concat(".", label, ".", label), "10.0.0.1");
    const name = `${"N".repeat(60)}.${label}.${label}`;
    const udp = dnsPacket.decode(dnsReply(query(name, "SOA"), big, false)!) as Decoded;
    expect([udp.flag_tc, udp.answers?.length]).toEqual([true, 0]);
    const edns = dnsPacket.decode(dnsReply(query(name, "SOA", { additionals: opt(0, 4096) }), big, false)!) as Decoded;
    expect([edns.flag_tc, edns.answers?.length]).toEqual([false, 1]);
    const tcp = dnsPacket.decode(dnsReply(query(name, "SOA"), big, true)!) as Decoded;
    expect([tcp.flag_tc, tcp.answers?.length]).toEqual([false, 1]);
  });
});

describe("the service", () => {
  function start(): FakeStack {
    const stack = new FakeStack();
    dns.start({ stack, address: "10.77.0.2", facts: [] }, 53);
    return stack;
  }

  it("answers over UDP, and ignores answers", () => {
    const stack = start();
    const reply = exchange(stack, 53, query("tapstack"))!;
    expect(dnsPacket.decode(reply).answers).toMatchObject([{ type: "A", data: "10.77.0.2" }]);
    expect(exchange(stack, 53, reply)).toBeNull();
  });

  it("answers several queries on one TCP connection, cut anywhere", async () => {
    const stack = start();
    const client = stack.connect(53);
    const messages = ["tapstack", "example.com", "www.tapstack"].map((name) => {
      const message = query(name);
      return Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
    });
    for (const byte of Buffer.concat(messages)) {
      client.write(Uint8Array.of(byte));
      await turn();
    }
    client.shutdown("write");
    await turn();
    let rest = readAll(client);
    const rcodes: string[] = [];
    while (rest.length > 0) {
      const length = rest.readUInt16BE(0);
      rcodes.push((dnsPacket.decode(rest.subarray(2, 2 + length)) as Decoded).rcode);
      rest = rest.subarray(2 + length);
    }
    expect(rcodes).toEqual(["NOERROR", "REFUSED", "NXDOMAIN"]);
    await turn();
    expect(client.finReceived).toBe(true);
    expect(client.error).toBe(0);
  });

  it("closes a connection that says nothing", async () => {
    const stack = start();
    const client = stack.connect(53);
    await turn();
    stack.clock.advance(31_000_000);
    await turn();
    await turn();
    expect(client.finReceived).toBe(true);
    client.close();
    expect(stack.clock.pendingTimers()).toBe(0);
  });
});
