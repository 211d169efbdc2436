import { describe, expect, it } from "vitest";
import { parseServices, Services } from "../../../src/ports/services.js";

describe("service names", () => {
  it("reads the lines of an /etc/services and skips what is not one", () => {
    const text = "# head\n\nhttp\t80/tcp\twww  # WorldWideWeb\ndomain 53/UDP\nbroken 80\nhigh 70000/tcp\n";
    expect(parseServices(text)).toEqual([
      { name: "http", port: 80, protocol: "tcp", aliases: ["www"] },
      { name: "domain", port: 53, protocol: "udp", aliases: [] },
    ]);
  });

  it("finds ports by name, alias and number, and names by port; the first line wins", () => {
    const services = new Services("http 80/tcp www\nweb 80/tcp www2\nhttp 8080/tcp\n");
    expect(services.port("http", "tcp")).toBe(80);
    expect(services.port("www", "tcp")).toBe(80);
    expect(services.port("www2", "tcp")).toBe(80);
    expect(services.port("443", "tcp")).toBe(443);
    expect(services.port("65536", "tcp")).toBeNull();
    expect(services.port("http", "udp")).toBeNull();
    expect(services.name(80, "tcp")).toBe("http");
    expect(services.name(81, "tcp")).toBeNull();
  });

  it.each([undefined, "", "# nothing here\n"])("has a table of its own for hosts whose file is %j", (text) => {
    const services = new Services(text);
    expect(services.port("domain", "udp")).toBe(53);
    expect(services.name(7, "tcp")).toBe("echo");
  });
});
