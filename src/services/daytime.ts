import type { Socket } from "../socket/types.js";
import { type Service, startAll } from "./service.js";
import { TcpServer } from "./tcp-server.js";
import { mayLoop, UdpServer } from "./udp-server.js";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const LINE = 128;

/** RFC 867's popular syntax, `Tuesday, February 22, 1982 17:37:43-UTC`, CR LF. @param wallTime milliseconds, Unix */
export function daytimeLine(wallTime: number): string {
  const t = new Date(wallTime);
  const two = (n: number): string => String(n).padStart(2, "0");
  const date = `${DAYS[t.getUTCDay()]}, ${MONTHS[t.getUTCMonth()]} ${t.getUTCDate()}, ${t.getUTCFullYear()}`;
  return `${date} ${two(t.getUTCHours())}:${two(t.getUTCMinutes())}:${two(t.getUTCSeconds())}-UTC\r\n`;
}

/** RFC 867. The time of day as a line of text. */
export const daytime: Service = {
  name: "daytime",
  doc: "says what time it is (RFC 867)",
  port: 13,
  protocols: ["tcp", "udp"],
  start({ stack }, port) {
    const scratch = stack.alloc(LINE);
    const encoder = new TextEncoder();
    const fill = (): number => encoder.encodeInto(daytimeLine(stack.clock.wallTime()), scratch).written;
    const begin = (socket: Socket, server: TcpServer): void => {
      socket.write(scratch, 0, fill());
      server.finishGently(socket);
    };
    return startAll([
      () => new TcpServer(stack, "daytime", port, begin),
      () => new UdpServer(stack, "daytime", port, scratch, (_, from) => (mayLoop(from) ? -1 : fill())),
    ]);
  },
};
