import { type SocketRow, sortRows, ssState } from "../observe/listing.js";
import type { ServiceHost } from "./service.js";

/** Rows of the socket table; with more the page says so. */
const ROWS = 500;

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}code,td,th{font:14px/1.4 ui-monospace,monospace}
table{border-collapse:collapse}td,th{text-align:left;padding:.15rem .9rem .15rem 0;vertical-align:top}
td.n,th.n{text-align:right}.q{color:#666}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}a{color:#8bf}.q{color:#999}}`;

/** The HTML page: what runs, its sockets, its counters. */
export function page(host: ServiceHost, started: number): string {
  const rows = sortRows(host.stack.sockets());
  const counters = Object.entries(host.stack.counters()).filter(([, value]) => value !== 0);
  const up = duration(host.stack.clock.now() - started);
  const facts = [...host.facts, ["up", up] as const];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>tapstack at ${escapeHtml(host.address)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>tapstack at ${escapeHtml(host.address)}</h1>
<p>The TCP/IP stack that carried this page to you is a TypeScript program in user space. Your kernel's packets go
through a TAP device to it and back.</p>
<table>
${facts.map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`).join("\n")}
</table>
<h2>Sockets</h2>
${socketTable(rows)}
<h2>Counters</h2>
<table>
${counters.map(([name, value]) => `<tr><td>${escapeHtml(name)}</td><td class="n">${value}</td></tr>`).join("\n")}
</table>
<p class="q">As data: <a href="/sockets.json">sockets.json</a>, <a href="/counters.json">counters.json</a></p>
</body>
</html>
`;
}

export function socketsJson(host: ServiceHost): string {
  return `${JSON.stringify(sortRows(host.stack.sockets()))}\n`;
}

export function countersJson(host: ServiceHost): string {
  return `${JSON.stringify(host.stack.counters())}\n`;
}

function socketTable(rows: readonly SocketRow[]): string {
  const more = rows.length > ROWS ? `<p class="q">and ${rows.length - ROWS} more</p>` : "";
  return `<table>
<tr><th>Netid</th><th>State</th><th class="n">Recv-Q</th><th class="n">Send-Q</th><th>Local</th><th>Peer</th><th>Owner</th></tr>
${rows.slice(0, ROWS).map(socketRow).join("\n")}
</table>${more}`;
}

function socketRow(row: SocketRow): string {
  const peer = row.remotePort === 0 ? "*" : `${row.remoteAddress}:${row.remotePort}`;
  const cells = [
    row.proto,
    ssState(row.state),
    row.recvQ,
    row.sendQ,
    `${row.localAddress}:${row.localPort}`,
    peer,
    row.owner,
  ];
  const html = cells.map((cell) =>
    typeof cell === "number" ? `<td class="n">${cell}</td>` : `<td>${escapeHtml(cell)}</td>`,
  );
  return `<tr>${html.join("")}</tr>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** `2 d 3 h 4 min 5 s` of microseconds. */
function duration(us: number): string {
  const s = Math.floor(us / 1e6);
  const parts: [number, string][] = [
    [Math.floor(s / 86400), "d"],
    [Math.floor(s / 3600) % 24, "h"],
    [Math.floor(s / 60) % 60, "min"],
  ];
  const text = parts.filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`);
  return [...text, `${s % 60} s`].join(" ");
}
