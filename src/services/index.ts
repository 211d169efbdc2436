import { chargen } from "./chargen.js";
import { daytime } from "./daytime.js";
import { discard } from "./discard.js";
import { dns } from "./dns.js";
import { echo } from "./echo.js";
import { http } from "./http.js";
import { httpRaw } from "./http-raw.js";
import type { Service } from "./service.js";

export type { Running, Service, ServiceHost } from "./service.js";
export { startAll, together } from "./service.js";

/** Every service there is, by name. */
export const SERVICES: ReadonlyMap<string, Service> = new Map(
  [echo, discard, daytime, chargen, dns, http, httpRaw].map((service) => [service.name, service]),
);

/** What runs when nobody chooses. */
export const DEFAULT_SERVICES = "echo,discard,daytime,chargen,dns,http";

/** A service and the port it is to have. */
export interface Chosen {
  readonly service: Service;
  readonly port: number;
}

/** Reads `echo,http=8080`, or `none`. Throws an Error with a sentence about what is wrong with it. */
export function parseServices(list: string): Chosen[] {
  if (list.trim() === "none") return [];
  const chosen: Chosen[] = [];
  for (const item of list.split(",")) chosen.push(parseService(item.trim()));
  const taken = new Map<string, string>();
  for (const { service, port } of chosen) {
    for (const protocol of service.protocols) {
      const other = taken.get(`${protocol} ${port}`);
      if (other !== undefined)
        throw new Error(
          `${other} and ${service.name} both want ${protocol} port ${port}; give one another: ${service.name}=PORT`,
        );
      taken.set(`${protocol} ${port}`, service.name);
    }
  }
  return chosen;
}

function parseService(item: string): Chosen {
  const [name = "", port, ...more] = item.split("=");
  const service = SERVICES.get(name);
  if (service === undefined || more.length > 0)
    throw new Error(`there is no service "${item}"; choose from ${[...SERVICES.keys()].join(", ")}, or none`);
  if (port === undefined) return { service, port: service.port };
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535)
    throw new Error(`"${port}" is not a port for ${name}; give 1 to 65535`);
  return { service, port: Number(port) };
}
