import { describe, expect, it } from "vitest";
import { openDevice } from "../../../src/link/tap/device.js";
import type { Sys } from "../../../src/link/tap/driver.js";
import { attachError, changeError, deviceError, goneError } from "../../../src/link/tap/errors.js";
import * as io from "../../../src/link/tap/ioctl.js";
import { addAddress, addressMessage, listAddresses, parseAddresses } from "../../../src/link/tap/netlink.js";
import { checkOptions } from "../../../src/link/tap/options.js";
import { type Prefix, parseAddr } from "../../../src/wire/address.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const addr = (text: string): number => parseAddr(text) as number;

describe.runIf(process.arch === "x64")("ioctl requests, as a C compiler has them on x86-64", () => {
  it.each([
    ["TUNSETIFF", io.TUNSETIFF, 0x400454ca],
    ["TUNSETPERSIST", io.TUNSETPERSIST, 0x400454cb],
    ["TUNSETOWNER", io.TUNSETOWNER, 0x400454cc],
    ["TUNGETFEATURES", io.TUNGETFEATURES, 0x800454cf],
    ["TUNSETOFFLOAD", io.TUNSETOFFLOAD, 0x400454d0],
    ["TUNSETVNETHDRSZ", io.TUNSETVNETHDRSZ, 0x400454d8],
  ])("%s", (_name, request, expected) => expect(request).toBe(expected));
});

describe("Ifreq", () => {
  it("lays out names, flags, integers and MAC addresses", () => {
    const request = new io.Ifreq("tap0");
    request.flags = io.IFF_TAP | io.IFF_NO_PI;
    expect(request.name).toBe("tap0");
    expect(hex(request.bytes.subarray(0, 18))).toBe(`74617030${"00".repeat(12)}0210`);
    request.value = -2;
    expect(request.value).toBe(-2);
    request.mac = Uint8Array.of(2, 3, 4, 5, 6, 7);
    expect(hex(request.bytes.subarray(16, 24))).toBe("0100020304050607");
    expect(hex(request.mac)).toBe("020304050607");
  });
});

/** What `ip address add 10.77.0.1/24 broadcast + dev (index 5)` sends. */
const ADD = addressMessage(20, 0x605, 5, 24, [
  [2, addr("10.77.0.1")],
  [1, addr("10.77.0.1")],
  [4, addr("10.77.0.255")],
]);
const ACK = Uint8Array.from([36, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, ...new Array(20).fill(0)]);
const DONE = Uint8Array.from([20, 0, 0, 0, 3, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

function nak(errno: number): Uint8Array {
  const bytes = ACK.slice();
  new DataView(bytes.buffer).setInt32(16, -errno, true);
  return bytes;
}

/** A kernel that answers writes on any socket with these datagrams. */
function kernel(...replies: Uint8Array[]): Sys & { sent: Uint8Array[]; open_: number } {
  const sys = {
    sent: [] as Uint8Array[],
    open_: 0,
    open: () => -1,
    socket: () => {
      sys.open_++;
      return 9;
    },
    ioctl: () => -1,
    read: (_fd: number, bytes: Uint8Array) => {
      const reply = replies.shift();
      if (reply === undefined) return -11;
      bytes.set(reply);
      return reply.length;
    },
    write: (_fd: number, bytes: Uint8Array) => {
      sys.sent.push(bytes.slice());
      return bytes.length;
    },
    close: () => {
      sys.open_--;
      return 0;
    },
  };
  return sys;
}

describe("rtnetlink", () => {
  it("asks for an address with its broadcast address", () => {
    const sys = kernel(ACK);
    expect(addAddress(sys, 5, { addr: addr("10.77.0.1"), length: 24 })).toBe(0);
    expect(hex(sys.sent[0] as Uint8Array)).toBe(hex(ADD));
    expect(hex(ADD)).toBe(
      "3000000014000506010000000000000002180000050000000800020" + "00a4d00010800010" + "00a4d00010800040" + "00a4d00ff",
    );
    expect(sys.open_).toBe(0);
  });

  it("passes errors on, but not that the address is there already", () => {
    expect(addAddress(kernel(nak(1)), 5, { addr: 1, length: 32 })).toBe(-1);
    expect(addAddress(kernel(nak(17)), 5, { addr: 1, length: 32 })).toBe(0);
    expect(addAddress(kernel(), 5, { addr: 1, length: 32 })).toBe(-11);
  });

  it("lists the addresses of one interface out of a dump of all", () => {
    const one = (index: number, text: string, length: number): Uint8Array =>
      addressMessage(20, 2, index, length, [
        [1, addr(text)],
        [2, addr(text)],
      ]);
    const first = Buffer.concat([one(1, "127.0.0.1", 8), one(5, "10.77.0.1", 24)]);
    const sys = kernel(first, Buffer.concat([one(5, "192.168.9.1", 30), DONE]));
    expect(listAddresses(sys, 5)).toEqual([
      { addr: addr("10.77.0.1"), length: 24 },
      { addr: addr("192.168.9.1"), length: 30 },
    ]);
    expect(sys.open_).toBe(0);
    expect(listAddresses(kernel(nak(12)), 5)).toBe(-12);
  });

  it("survives messages that are cut short", () => {
    for (let length = 0; length < ADD.length; length++) {
      const found: Prefix[] = [];
      expect(parseAddresses(ADD.subarray(0, length), 5, found)).toBe(1);
      expect(found).toEqual([]);
    }
    const bad = ADD.slice();
    bad[24] = 0; // an attribute of length 0
    expect(parseAddresses(bad, 5, [])).toBe(1);
  });
});

describe("sentences", () => {
  it.each([
    [deviceError(-2, "/dev/net/tun"), "ENOENT", /modprobe tun/],
    [deviceError(-13, "/dev/net/tun"), "EACCES", /chmod 0666 \/dev\/net\/tun/],
    [
      attachError(-1, "tap0"),
      "EPERM",
      /run as root, or let root make it for you: ip tuntap add dev tap0 mode tap user \$USER/,
    ],
    [attachError(-16, "tap0"), "EBUSY", /another program has tap0 open/],
    [attachError(-22, "eth0"), "EINVAL", /not a TAP/],
    [
      changeError(-1, "SIOCSIFMTU", "tap0", "change its MTU", "ip link set tap0 mtu 9000"),
      "EPERM",
      /ip link set tap0 mtu 9000/,
    ],
    [goneError(77, "tap0"), "ENODEV", /tap0 is gone: somebody deleted it/],
  ])("%s", (error, code, sentence) => {
    expect(error.code).toBe(code);
    expect(error.errno).toBeLessThan(0);
    expect(error.message).toMatch(sentence);
  });
});

describe("openDevice", () => {
  it("leaves nothing open when a step fails", () => {
    for (const failing of [io.TUNSETIFF, io.SIOCGIFHWADDR, io.SIOCGIFMTU, io.SIOCSIFFLAGS]) {
      const open = new Set<number>();
      const fd = (): number => {
        open.add(open.size + 3);
        return open.size + 2;
      };
      const sys: Sys = {
        open: fd,
        socket: fd,
        ioctl: (_fd, request) => (request === failing ? -1 : 0),
        read: () => -11,
        write: () => 0,
        close: (one) => (open.delete(one) ? 0 : -9),
      };
      expect(() => openDevice(sys, checkOptions({}), true)).toThrow(expect.objectContaining({ code: "EPERM" }));
      expect(open.size).toBe(0);
    }
  });
});
