import { SystemError } from "../../src/base/errors.js";
import type { OptionName, Socket } from "../../src/socket/types.js";
import { SYN_SENT } from "../../src/tcp/constants.js";
import { abortMoves, closeMoves, keepIdleMoves, shutdownMoves } from "./calls-model.js";
import * as D from "./diagram.js";
import {
  CONNECTION,
  connectionOf,
  liveConnection,
  marked,
  NOTHING,
  passedOver,
  TIME_WAIT_RECORD,
  timeWaitRoom,
  unread,
} from "./inspect.js";
import { Life, type Tuple } from "./life.js";
import { matches, PATTERN, place } from "./wire.js";
import { type Held, LISTEN_PORT, type World } from "./world.js";

/*
 * The steps that are user calls. Each predicts what its connection may do; what it returns is looked at here.
 */

const MOST_SOCKETS = 7;
const LOCAL_PORTS = [5000, 5001] as const;
const REMOTE_PORTS = [7000, 7001] as const;
const SIZES = [0, 1, 10, 500, 1460, 3000, 8192, 20_000, 60_000] as const;
const target = Buffer.alloc(70_000);

type Option = readonly [name: OptionName, values: readonly number[]];
const OPTIONS: readonly Option[] = [
  ["TCP_NODELAY", [0, 1]],
  ["TCP_CORK", [0, 1]],
  ["TCP_QUICKACK", [0, 1]],
  ["SO_LINGER", [-1, -1, 0, 5]],
  ["SO_KEEPALIVE", [0, 1, 1]],
  ["SO_KEEPALIVE", [1]],
  ["SO_KEEPALIVE", [1]],
  ["TCP_KEEPIDLE", [1, 2, 10]],
  ["TCP_KEEPINTVL", [1, 3]],
  ["TCP_KEEPCNT", [1, 2]],
  ["TCP_USER_TIMEOUT", [0, 0, 1, 500, 5000]],
  ["TCP_SYNCNT", [1, 2]],
  ["TCP_LINGER2", [-1, 0, 1, 20]],
  ["TCP_MAXSEG", [88, 536, 1460]],
  ["SO_SNDBUF", [1, 3000, 20_000, 200_000]],
  ["SO_RCVBUF", [1, 3000, 20_000, 200_000]],
  ["IP_TOS", [0, 16]],
  ["IP_TTL", [1, 64]],
  ["IP_MTU_DISCOVER", [0, 2]],
  ["SO_REUSEADDR", [1]],
  ["SO_OOBINLINE", [0, 1]],
];

/** Runs a call that may be refused: only by the errors that the API knows. Returns its code, "" when it was not. */
function attempt(w: World, what: string, call: () => void): string {
  try {
    call();
    if (w.trace !== null) w.note(what);
    return "";
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (w.trace !== null) w.note(`${what}: ${error.code}`);
    return error.code ?? "?";
  }
}

function add(w: World, socket: Socket): Held {
  // Whether urgent octets stay in the stream
  socket.setOption("SO_OOBINLINE", w.dice.below(2));
  const held: Held = { socket, listening: false, tuple: null, life: null };
  w.held.push(held);
  w.sockets.push(socket);
  return held;
}

function drop(w: World, held: Held): void {
  w.held.splice(w.held.indexOf(held), 1);
  w.sockets.splice(w.sockets.indexOf(held.socket), 1);
  if (w.listener === held) w.listener = null;
}

/** The connection of the socket, if it is alive, as the step's target. */
function aim(w: World, held: Held): boolean {
  const { tuple } = held;
  const alive =
    tuple !== null && tuple.before.kind === CONNECTION && tuple.before.object === liveConnection(held.socket);
  w.target = alive ? tuple : null;
  return alive;
}

/** @param ending percent of the calls that end connections */
export function callStep(w: World, ending: number): void {
  const { dice } = w;
  w.moves.none();
  if (w.listener === null && dice.chance(50)) listen(w);
  else if (w.held.length < 3 || (w.held.length < MOST_SOCKETS && dice.chance(12))) connect(w);
  else if (w.listener !== null && dice.chance(25)) accept(w, w.listener);
  else {
    const held = dice.pick(w.held);
    if (held.listening) listenerCall(w, held);
    else if (dice.chance(ending)) endingCall(w, held);
    else dataCall(w, held);
  }
}

function listen(w: World): void {
  const { dice, terms } = w;
  const socket = w.stack.socket("tcp");
  const held = add(w, socket);
  socket.setOption("SO_REUSEADDR", 1);
  for (let n = dice.below(4); n > 0; n--) setOption(w, held);
  // Refused: another socket still holds the port
  const code = attempt(w, `listen ${LISTEN_PORT}, backlog ${terms.backlog}`, () => {
    socket.bind(LISTEN_PORT);
    socket.listen(terms.backlog);
  });
  if (code === "") {
    held.listening = true;
    w.listener = held;
    w.covered(D.PASSIVE_OPEN);
    if (socket.state !== "LISTEN") w.fail(`a listening socket says ${socket.state}`);
  } else {
    drop(w, held);
    socket.close();
  }
}

function connect(w: World): void {
  const { dice } = w;
  const again = dice.chance(20) ? w.held.find((h) => !h.listening && liveConnection(h.socket) === null) : undefined;
  const held = again ?? add(w, w.stack.socket("tcp"));
  const { socket } = held;
  if (again === undefined) {
    if (dice.chance(40)) setOption(w, held);
    if (dice.chance(50)) {
      socket.setOption("SO_REUSEADDR", 1);
      const port = dice.pick(LOCAL_PORTS);
      attempt(w, `bind ${port}`, () => socket.bind(port));
    }
  }
  const remote = dice.pick(REMOTE_PORTS);
  // Data of the connection before must not be taken for the new one's
  if (again !== undefined && unread(socket) > 0) return;
  const lives = w.tuples.map((t) => t.before.kind !== NOTHING && !mayGiveWay(t));
  if (attempt(w, `connect ${remote}`, () => socket.connect(remote, "10.0.0.1")) !== "") return;
  const tuple = w.tupleOf(socket.localPort, remote);
  const known = w.tuples.indexOf(tuple);
  if (known < lives.length && lives[known]) w.fail("connect took a tuple that was in use", tuple);
  const life = new Life(false, dice.int32(), w.clock.now());
  life.doubted = w.link.room >= 0;
  life.mixed = w.link.behind;
  tuple.life = life;
  tuple.next = null;
  held.tuple = tuple;
  held.life = life;
  w.target = tuple;
  w.moves.must(D.ACTIVE_OPEN);
}

/** RFC 6191 §3: a TIME-WAIT whose timestamps tell the old connection from a new one. */
function mayGiveWay(tuple: Tuple): boolean {
  return tuple.before.kind === TIME_WAIT_RECORD && tuple.life !== null && tuple.life.timestamps;
}

function accept(w: World, held: Held): void {
  const socket = held.socket.accept();
  if (w.trace !== null) w.note(`accept ${socket === null ? "none" : socket.remotePort}`);
  if (socket === null) return;
  const accepted = add(w, socket);
  const tuple = w.tupleOf(LISTEN_PORT, socket.remotePort);
  accepted.tuple = tuple;
  accepted.life = w.lives.get(connectionOf(socket)) ?? w.fail("a connection is accepted that nobody saw", tuple);
}

function listenerCall(w: World, held: Held): void {
  const { dice, terms } = w;
  const kind = dice.weighted([60, 24, 16]);
  if (kind === 0) setOption(w, held);
  else if (kind === 1) attempt(w, "listen again", () => held.socket.listen(terms.backlog));
  else {
    if (w.trace !== null) w.note("close of the listener");
    w.listenerClosed = true;
    drop(w, held);
    held.socket.close();
    w.covered(D.LISTEN_CLOSE);
  }
}

function endingCall(w: World, held: Held): void {
  const { dice, moves } = w;
  const { socket } = held;
  const alive = aim(w, held);
  const v = alive && held.tuple !== null ? held.tuple.before : null;
  const kind = dice.weighted([30, 45, 15, 10]);
  if (kind === 0) {
    if (v !== null) shutdownMoves(v, moves);
    const how = dice.chance(70) ? "write" : "both";
    attempt(w, `shutdown ${how} ${name(held)}`, () => socket.shutdown(how));
    if (how === "both" && held.life !== null && v !== null) held.life.readShut = true;
    return;
  }
  if (kind === 2 && held.life !== null) {
    // As Linux: what has not begun is given up
    if (v !== null && v.state === SYN_SENT) shutdownMoves(v, moves);
    attempt(w, `shutdown read ${name(held)}`, () => socket.shutdown("read"));
    if (v !== null) held.life.readShut = true;
    return;
  }
  if (kind === 1 && unread(socket) > 0 && dice.chance(60)) {
    skip(w, held, unread(socket));
    return;
  }
  const abrupt = kind === 3 || socket.getOption("SO_LINGER") === 0;
  if (v !== null) {
    if (abrupt) abortMoves(v, moves);
    else closeMoves(v, timeWaitRoom(w.stack) > 0, moves);
    if (held.life !== null) held.life.changedAt = w.clock.now();
  }
  if (w.trace !== null) w.note(`${kind === 3 ? "reset" : "close"} ${name(held)}; may ${moves}`);
  drop(w, held);
  if (kind === 3) socket.reset();
  else socket.close();
}

function name(held: Held): string {
  return held.tuple === null ? "fresh" : `${held.tuple.localPort}:${held.tuple.peerPort}`;
}

function dataCall(w: World, held: Held): void {
  const { dice } = w;
  aim(w, held);
  switch (dice.weighted([40, 30, 6, 6, 18])) {
    case 0:
      write(w, held, dice.pick(SIZES));
      break;
    case 1:
      read(w, held, dice.pick(SIZES), false);
      break;
    case 2:
      read(w, held, dice.pick(SIZES), true);
      break;
    case 3:
      skip(w, held, dice.pick(SIZES));
      break;
    default:
      setOption(w, held);
  }
}

function setOption(w: World, held: Held): void {
  const [option, values] = w.dice.pick(OPTIONS);
  const value = w.dice.pick(values);
  if (option === "TCP_KEEPIDLE" && w.target !== null) keepIdleMoves(w.target.before, w.moves);
  attempt(w, `${option} ${value} ${name(held)}`, () => held.socket.setOption(option, value));
}

function write(w: World, held: Held, size: number): void {
  const { life } = held;
  const from = life === null ? 0 : place(life.outSalt, life.written);
  const n = held.socket.write(PATTERN, from, size);
  if (w.trace !== null) w.note(`write(${size}) ${name(held)} = ${n}`);
  if (n > size || (n === 0 && size > 0)) w.fail(`write(${size}) gave ${n}`);
  if (n <= 0) return;
  if (w.target === null || life === null) w.fail(`write(${size}) gave ${n} without a connection`);
  life.written += n;
}

function read(w: World, held: Held, size: number, peek: boolean): void {
  const passed = passedOver(held.socket);
  const waiting = unread(held.socket) - passed;
  const mark = marked(held.socket);
  const n = peek ? held.socket.peek(target, 0, size) : held.socket.read(target, 0, size);
  if (w.trace !== null) w.note(`${peek ? "peek" : "read"}(${size}) ${name(held)} = ${n}`);
  const { life } = held;
  const from = life === null ? 0 : life.read + passed;
  if (!peek && life !== null) life.read = from;
  if (n > 0 || waiting > 0) {
    if (n !== Math.min(waiting, size) && !(mark && n > 0 && n < Math.min(waiting, size)))
      w.fail(`read(${size}) of ${waiting} gave ${n}`);
    if (life === null) w.fail("data without a connection");
    if (!matches(target, 0, n, life.inSalt, from)) w.fail(`the ${n} bytes read from ${from} on are not the peer's`);
    if (!peek) life.read += n;
  } else if (n === 0) checkEnd(w, held, from);
}

function skip(w: World, held: Held, size: number): void {
  const passed = passedOver(held.socket);
  const waiting = unread(held.socket) - passed;
  const mark = marked(held.socket);
  const n = held.socket.skip(size);
  if (w.trace !== null) w.note(`skip(${size}) ${name(held)} = ${n}`);
  if (waiting > 0 && n !== Math.min(waiting, size) && !(mark && n > 0 && n < Math.min(waiting, size)))
    w.fail(`skip(${size}) of ${waiting} gave ${n}`);
  if (held.life === null) return;
  held.life.read += Math.max(n, 0) + passed;
  if (n === 0 && waiting === 0) checkEnd(w, held, held.life.read);
}

/** 0 means the end of the stream: the peer's FIN, reading that was shut, or a connection that is over. */
function checkEnd(w: World, held: Held, at: number): void {
  const { life } = held;
  if (w.target === null || life === null || life.readShut) return;
  if (!w.target.before.finTaken) w.fail("the end of the stream is told before the peer's FIN", w.target);
  if (!life.fins.includes(at)) w.fail(`the end of the stream is told at ${at}`, w.target);
}
