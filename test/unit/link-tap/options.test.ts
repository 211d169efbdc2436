import { describe, expect, it } from "vitest";
import { checkOptions, stackMac, type TapOptions, userId } from "../../../src/link/tap/options.js";
import { formatAddr, formatMac, parseMac } from "../../../src/wire/address.js";

describe("checkOptions", () => {
  it("has defaults", () => {
    expect(checkOptions({})).toEqual({
      name: "tap0",
      named: false,
      address: null,
      mtu: null,
      mac: null,
      hostMac: null,
      persist: null,
      owner: null,
      driver: "native",
      spin: 20,
      offload: true,
      modulePath: process.env.TAPSTACK_DRIVER_PATH ?? null,
      device: "/dev/net/tun",
    });
  });

  it("reads addresses and names", () => {
    const settings = checkOptions({
      name: "tap%d",
      address: "10.77.0.1/24",
      hostMac: "02:00:00:00:00:01",
      mac: Uint8Array.of(2, 0, 0, 0, 0, 2),
      owner: "root",
    });
    expect(settings.name).toBe("tap%d");
    expect(settings.named).toBe(true);
    expect(formatAddr(settings.address?.addr ?? 0)).toBe("10.77.0.1");
    expect(settings.address?.length).toBe(24);
    expect(formatMac(settings.hostMac ?? new Uint8Array(6))).toBe("02:00:00:00:00:01");
    expect(settings.owner).toBe(0);
  });

  const refused: readonly [TapOptions, RegExp][] = [
    [{ name: "" }, /1 to 15 characters/],
    [{ name: "a-name-of-16-chr" }, /1 to 15 characters/],
    [{ name: "tapé7890123456" + "é" }, /1 to 15 characters/],
    [{ name: "tap/0" }, /no spaces, slashes or colons/],
    [{ name: "tap 0" }, /no spaces, slashes or colons/],
    [{ name: "tap0:1" }, /no spaces, slashes or colons/],
    [{ name: "." }, /is no interface name/],
    [{ name: "tap%s" }, /no % but in "tap%d"/],
    [{ name: "%d%d" }, /no % but in "tap%d"/],
    [{ address: "10.77.0.1" }, /prefix length, such as/],
    [{ address: "10.77.0.256/24" }, /prefix length, such as/],
    [{ address: "10.77.0.1/33" }, /prefix length, such as/],
    [{ address: "10.77.0.0/24" }, /network's or the broadcast address/],
    [{ address: "10.77.0.255/24" }, /network's or the broadcast address/],
    [{ address: "127.0.0.1/8" }, /not an address that an interface can have/],
    [{ address: "224.0.0.1/24" }, /not an address that an interface can have/],
    [{ address: "0.0.0.0/0" }, /not an address that an interface can have/],
    [{ mtu: 67 }, /from 68 to 65521/],
    [{ mtu: 65522 }, /from 68 to 65521/],
    [{ mtu: 1500.5 }, /from 68 to 65521/],
    [{ mac: "02:00:00:00:00" }, /six bytes/],
    [{ mac: new Uint8Array(5) }, /six bytes/],
    [{ mac: "03:00:00:00:00:01" }, /group address/],
    [{ hostMac: "00:00:00:00:00:00" }, /all zeros/],
    [{ mac: "02:00:00:00:00:0a", hostMac: "02:00:00:00:00:0A" }, /two ends need different ones/],
    [{ spin: -1 }, /from 0 to 500/],
    [{ spin: 501 }, /from 0 to 500/],
    [{ driver: "pcap" as "native" }, /there is no driver "pcap"; there are native, ffi-napi, tuntap2/],
    [{ owner: "no such user" }, /there is no user/],
    [{ owner: -1 }, /from 0 to/],
  ];
  for (const [options, sentence] of refused)
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => checkOptions(options)).toThrow(
        expect.objectContaining({ code: "EINVAL", syscall: "openTap", message: expect.stringMatching(sentence) }),
      );
    });

  it("takes a /31 and a /32, where every address is a host's", () => {
    for (const address of ["10.0.0.0/31", "10.0.0.1/31", "10.0.0.0/32"])
      expect(checkOptions({ address }).address).not.toBeNull();
  });
});

describe("userId", () => {
  const passwd = (): string => "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
  it("finds a user by name, and takes numbers as they are", () => {
    expect(userId("ann", passwd)).toBe(1000);
    expect(userId("1234", passwd)).toBe(1234);
    expect(userId(7, passwd)).toBe(7);
    expect(() => userId("an", passwd)).toThrow(/there is no user "an"/);
  });
});

describe("stackMac", () => {
  it("is another, locally administered unicast address, and the same every time", () => {
    for (const text of ["02:00:00:00:00:01", "06:54:53:aa:bb:cc", "00:16:3e:01:02:03", "fe:ff:ff:ff:ff:ff"]) {
      const host = parseMac(text) as Uint8Array;
      const mac = stackMac(host);
      expect(formatMac(mac)).not.toBe(text);
      expect((mac[0] as number) & 3).toBe(2);
      expect(mac.subarray(1)).toEqual(host.subarray(1));
      expect(stackMac(host)).toEqual(mac);
    }
  });
});
