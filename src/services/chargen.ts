import { EAGAIN } from "../base/errors.js";
import { ERROR, HANGUP, type Socket } from "../socket/types.js";
import type { Service } from "./service.js";
import { dropAll, TcpServer } from "./tcp-server.js";

const FIRST = 32;
/** Printable characters: the pattern begins anew after so many lines. */
const CHARACTERS = 95;
const COLUMNS = 72;
/** Bytes until the pattern repeats: 95 lines of 72 characters, CR and LF. */
export const PERIOD = CHARACTERS * (COLUMNS + 2);
/** Bytes offered to the socket at once: whole periods, near 256 KiB. */
const BURST = 37 * PERIOD;

/** RFC 864's rotating pattern from its beginning: fills `target`. */
export function fillPattern(target: Uint8Array): void {
  for (let i = 0; i < target.length; i++) {
    const at = i % PERIOD;
    const column = at % (COLUMNS + 2);
    const line = (at - column) / (COLUMNS + 2);
    target[i] = column === COLUMNS ? 13 : column > COLUMNS ? 10 : FIRST + ((line + column) % CHARACTERS);
  }
}

/** RFC 864. Characters as fast as the peer reads; what it sends is thrown away. */
export const chargen: Service = {
  name: "chargen",
  doc: "sends characters as fast as they are read (RFC 864)",
  port: 19,
  protocols: ["tcp"],
  start({ stack }, port) {
    // From any place in the first period, a whole burst stands in one piece.
    const pattern = stack.alloc(BURST + PERIOD);
    fillPattern(pattern);
    const begin = (socket: Socket, server: TcpServer): void => {
      let at = 0;
      const generate = (_: Socket, mask: number): void => {
        // A peer that has finished sending may still read: only an error or a reset ends this service.
        dropAll(socket);
        for (let n = 1; n > 0; at = (at + n) % PERIOD) {
          n = socket.write(pattern, at, BURST);
          if (n < 0 && (n !== -EAGAIN || (mask & (ERROR | HANGUP)) !== 0)) {
            server.finish(socket);
            return;
          }
          if (n <= 0) return;
        }
      };
      socket.onReady = generate;
      generate(socket, socket.poll());
    };
    return new TcpServer(stack, "chargen", port, begin);
  },
};
