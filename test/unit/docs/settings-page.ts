import type { Setting } from "../../../src/base/config.js";

const HEAD = `# Settings

Every setting has Linux's name, and means what it means there unless the line says otherwise. Set them when a stack is
made (\`createStack({ config: { "net.ipv4.tcp_sack": 0 } })\`), on a running stack (\`stack.sysctl(name, value)\`,
\`tapstack sysctl NAME=VALUE\`) or on the command line (\`tapstack up --sysctl NAME=VALUE\`). \`net.ipv4.\` may be left out.

This page is made from the tables in the code by \`test/unit/docs/settings-page.test.ts\`, which fails when it is not
current; \`npx vitest run --project pure test/unit/docs -u\` makes it anew.
`;

const LARGEST = 0x7fffffff;

/** docs/settings.md. */
export function settingsPage(settings: readonly Setting[]): string {
  const groups = new Map<string, Setting[]>();
  for (const setting of settings) {
    const group = groupOf(setting.name);
    groups.set(group, [...(groups.get(group) ?? []), setting]);
  }
  const sections = [...groups].map(([group, members]) =>
    [`## ${group}\n`, "| setting | default | range | |", "|---|---|---|---|", ...members.map(row), ""].join("\n"),
  );
  return [HEAD, ...sections].join("\n");
}

/** `net.ipv4.tcp_*` are TCP's, and so on: the first word of the last part, where several settings share it. */
function groupOf(name: string): string {
  if (name.startsWith("net.ipv4.tcp_")) return "TCP";
  if (name.startsWith("net.ipv4.icmp_")) return "ICMP";
  if (name.startsWith("net.core.")) return "Sockets";
  if (name.startsWith("net.ipv4.neigh.") || name.includes("arp")) return "ARP";
  return "IP and ports";
}

function row(setting: Setting): string {
  const value = Array.isArray(setting.default) ? setting.default.join(" ") : String(setting.default);
  const unit = setting.unit === undefined ? "" : ` ${setting.unit}`;
  const shown = value === "" ? "" : `${value}${unit}`;
  return `| \`${setting.name}\` | ${shown} | ${range(setting)} | ${setting.doc.replaceAll("|", "\\|")} |`;
}

function range(setting: Setting): string {
  if (setting.choices !== undefined) return setting.choices.join(", ");
  if (typeof setting.default === "string") return "";
  const min = setting.min ?? 0;
  const max = setting.max ?? LARGEST;
  return max === LARGEST ? `from ${min}` : `${min} to ${max}`;
}
