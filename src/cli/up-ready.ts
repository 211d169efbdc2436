import type { TapLink } from "../link/tap/index.js";
import { packageVersion } from "./package-version.js";
import type { UpOptions } from "./up-options.js";

/** One line of JSON for programs that wait until the stack is there. */
export function readyJson(options: UpOptions, tap: TapLink): string {
  const services = options.services.flatMap(({ service, port }) =>
    service.protocols.map((protocol) => ({ name: service.name, protocol, port })),
  );
  const { address, control } = options;
  const about = {
    address,
    tap: tap.name,
    mtu: tap.mtu,
    hostAddress: tap.hostAddress,
    services,
    control,
    pid: process.pid,
  };
  return `${JSON.stringify(about)}\n`;
}

/** What a person is told: one line per service, and what to try. */
export function readyText(options: UpOptions, tap: TapLink): string {
  const host = tap.hostAddress === null ? "host side without an address" : `host side ${tap.hostAddress}`;
  const lines = [`tapstack ${packageVersion()}: ${options.address} on ${tap.name} (${host}, MTU ${tap.mtu})`, ""];
  for (const { service, port } of options.services) {
    const where = service.protocols.map((protocol) => `${protocol}/${port}`).join(" ");
    lines.push(`  ${service.name.padEnd(9)} ${where.padEnd(16)} ${service.doc}`);
  }
  if (options.services.length > 0) lines.push("");
  lines.push("Try, in another shell:", "", ...tries(options).map((command) => `  ${command}`), "", "Ctrl-C ends it.");
  return `${lines.join("\n")}\n`;
}

function tries(options: UpOptions): string[] {
  const address = options.address.replace(/\/.*/, "");
  const port = (name: string): number | null =>
    options.services.find(({ service }) => service.name === name)?.port ?? null;
  const [web, echo, dns] = [port("http") ?? port("http-raw"), port("echo"), port("dns")];
  const commands = [`ping -c 3 ${address}`];
  if (web !== null) commands.unshift(`curl http://${address}${web === 80 ? "" : `:${web}`}/`);
  if (echo !== null) commands.push(`printf hello | nc -N ${address} ${echo}`);
  if (dns !== null) commands.push(`dig @${address}${dns === 53 ? "" : ` -p ${dns}`} tapstack. +short`);
  return [...commands, "npx tapstack ss -tnap"];
}
