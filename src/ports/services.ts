/** A line of /etc/services. */
export interface Service {
  readonly name: string;
  readonly port: number;
  /** "tcp", "udp" ... */
  readonly protocol: string;
  readonly aliases: readonly string[];
}

/** For hosts without an /etc/services: the services that people type by name. */
const BUILT_IN = `
echo 7/tcp
echo 7/udp
discard 9/tcp sink null
discard 9/udp sink null
daytime 13/tcp
daytime 13/udp
chargen 19/tcp ttytst source
chargen 19/udp ttytst source
ftp-data 20/tcp
ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
time 37/tcp timserver
time 37/udp timserver
domain 53/tcp
domain 53/udp
bootps 67/udp
bootpc 68/udp
tftp 69/udp
http 80/tcp www
pop3 110/tcp pop-3
ntp 123/udp
imap2 143/tcp imap
snmp 161/udp
https 443/tcp
https 443/udp
syslog 514/udp
submission 587/tcp
imaps 993/tcp
mysql 3306/tcp
ms-wbt-server 3389/tcp
iperf3 5201/tcp
iperf3 5201/udp
mdns 5353/udp
postgresql 5432/tcp postgres
redis 6379/tcp
http-alt 8080/tcp webcache
http-alt 8080/udp
`;

/** Reads the text of an /etc/services: `name port/protocol aliases... # comment`; lines that are not that are skipped. */
export function parseServices(text: string): Service[] {
  const services: Service[] = [];
  for (const line of text.split("\n")) {
    const [name, where, ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    const match = /^(\d{1,5})\/([a-z0-9-]+)$/i.exec(where ?? "");
    if (!name || match === null) continue;
    const port = Number(match[1]);
    if (port > 65535) continue;
    services.push({ name, port, protocol: (match[2] as string).toLowerCase(), aliases });
  }
  return services;
}

/** Names of ports, both ways, as getservbyname and getservbyport: the first line that fits wins. */
export class Services {
  private readonly ports = new Map<string, number>();
  private readonly names = new Map<string, string>();

  /** @param text of /etc/services; without it, or when nothing in it is a service, a small built-in table */
  constructor(text?: string) {
    const given = text === undefined ? [] : parseServices(text);
    for (const { name, port, protocol, aliases } of given.length > 0 ? given : parseServices(BUILT_IN)) {
      const byPort = `${port}/${protocol}`;
      if (!this.names.has(byPort)) this.names.set(byPort, name);
      for (const alias of [name, ...aliases]) {
        const byName = `${alias}/${protocol}`;
        if (!this.ports.has(byName)) this.ports.set(byName, port);
      }
    }
  }

  /** The port of `http` or of `80`; null when there is none. */
  port(text: string, protocol: string): number | null {
    if (/^\d{1,5}$/.test(text)) return Number(text) <= 65535 ? Number(text) : null;
    return this.ports.get(`${text}/${protocol}`) ?? null;
  }

  /** The name of a port, or null. */
  name(port: number, protocol: string): string | null {
    return this.names.get(`${port}/${protocol}`) ?? null;
  }
}
