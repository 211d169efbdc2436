import { readFileSync } from "node:fs";
import { Services } from "../ports/services.js";

/** Service names and ports, as /etc/services has them. */
export interface Names {
  name(port: number, proto: string): string | null;
  /** Of a name or a number, in TCP or else in UDP. */
  port(text: string): number | null;
}

/** For `-n`: no names at all. */
export const NUMERIC: Names = { name: () => null, port: () => null };

/** The names of this host. */
export function serviceNames(): Names {
  const services = new Services(servicesText());
  return {
    name: (port, proto) => services.name(port, proto),
    port: (text) => services.port(text, "tcp") ?? services.port(text, "udp"),
  };
}

function servicesText(): string | undefined {
  try {
    return readFileSync("/etc/services", "utf8");
  } catch {
    return undefined;
  }
}
