import { BEHIND, REPEATED_ACK } from "./capture.js";
import { type Ends, MSS, type Script, SEGMENTS, TOTAL } from "./play.js";
import { PATH_MTU } from "./stage.js";
import type { Fate, Judge, Seg } from "./wire.js";

/** Data segment number `n`, from 1, of those the sender sends. */
const data = (seg: Seg, n: number): boolean => seg.forward && seg.length > 0 && seg.offset === (n - 1) * MSS;
const within = (seg: Seg, first: number, last: number): boolean =>
  seg.forward && seg.length > 0 && seg.offset >= (first - 1) * MSS && seg.offset < last * MSS;
const tail = (seg: Seg): boolean => seg.forward && seg.length > 0 && seg.offset + seg.length === TOTAL;
const synAck = (seg: Seg): boolean => seg.syn && seg.ack;
const onlySyn = (seg: Seg): boolean => seg.syn && !seg.ack;
/** An ACK of data, by an end that sends none. */
const dataAck = (seg: Seg): boolean => !seg.forward && seg.length === 0 && seg.ack && !seg.syn && !seg.fin && !seg.rst;

/** The same for every first segment that `which` names. */
function first(which: (seg: Seg) => boolean, fate: Fate = "drop"): () => Judge {
  return times(1, which, fate);
}

/** The same for the first `count` transmissions of each segment. */
function times(count: number, which: (seg: Seg) => boolean, fate: Fate = "drop"): () => Judge {
  return () => (seg) => (which(seg) && seg.again < count ? fate : "pass");
}

/** The first `count` segments that `which` names. */
function counted(count: number, which: (seg: Seg) => boolean, fate: Fate = "drop"): () => Judge {
  return () => {
    let left = count;
    return (seg) => (which(seg) && left-- > 0 ? fate : "pass");
  };
}

/** Each way the first segment beyond the fourth is lost, once; segments with SACK blocks are shorter. */
const bothLose = (): Judge => {
  const lost = new Set<boolean>();
  return (seg) => {
    if (seg.length === 0 || seg.offset < 4 * MSS || lost.has(seg.forward)) return "pass";
    lost.add(seg.forward);
    return "drop";
  };
};

/** Of IP and TCP with timestamps. */
const HEADERS = 52;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Both close when the data have arrived, at one time. */
async function closeAtOnce(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  await ends.sender.write(TOTAL);
  await ends.receiver.received(TOTAL);
  await sleep(60);
  await Promise.all([ends.sender.shutdown(), ends.receiver.shutdown()]);
  await Promise.all([ends.sender.ended(), ends.receiver.ended()]);
}

async function receiverFirst(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  await ends.sender.write(TOTAL);
  await ends.receiver.received(TOTAL);
  await ends.receiver.shutdown();
  await ends.sender.ended();
  await ends.sender.shutdown();
  await ends.receiver.ended();
}

async function halfClosed(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  await ends.receiver.shutdown();
  await ends.sender.ended();
  await ends.sender.write(TOTAL);
  await ends.sender.shutdown();
  await ends.receiver.ended();
}

async function nothingSaid(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  await ends.sender.shutdown();
  await ends.receiver.ended();
  await ends.receiver.shutdown();
  await ends.sender.ended();
}

/** The end of the stream is told of apart from the data. */
async function finApart(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  await ends.sender.write(TOTAL);
  await ends.receiver.received(TOTAL);
  await sleep(60);
  await ends.sender.shutdown();
  await ends.receiver.ended();
  await ends.receiver.shutdown();
  await ends.sender.ended();
}

/** The receiver has unread data when it closes. */
async function unread(ends: Ends): Promise<void> {
  await ends.connect(ends.receiver);
  await ends.accepted();
  await ends.sender.write(2 * MSS);
  await sleep(150);
  await ends.receiver.close();
  await ends.sender.ended();
}

/** The reader stops, until the window is closed and has been asked after. */
async function stopped(ends: Ends): Promise<void> {
  await ends.connect(ends.receiver);
  await ends.accepted();
  const written = ends.sender.write(LARGE);
  await sleep(1200);
  await ends.receiver.resume();
  await written;
  await ends.sender.shutdown();
  await ends.receiver.ended();
  await ends.receiver.shutdown();
  await ends.sender.ended();
}
const LARGE = 400_000;

/** A question of 100 bytes, an answer of 300, five times. */
async function questions(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  for (let i = 1; i <= 5; i++) {
    await ends.sender.write(100);
    await ends.receiver.received(i * 100);
    await ends.receiver.write(300);
    await ends.sender.received(i * 300);
  }
  await ends.sender.shutdown();
  await ends.receiver.ended();
  await ends.receiver.shutdown();
  await ends.sender.ended();
}
const QUESTIONS = { play: questions, bytes: [500, 1500] } as const;
const HALF: readonly [number, number] = [TOTAL, TOTAL];

async function bothWays(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  await Promise.all([ends.sender.write(TOTAL), ends.receiver.write(TOTAL)]);
  await Promise.all([ends.sender.received(TOTAL), ends.receiver.received(TOTAL)]);
  await ends.sender.shutdown();
  await ends.receiver.ended();
  await ends.receiver.shutdown();
  await ends.sender.ended();
}

/** Sent in parts, each before the one before has been acknowledged. */
async function piecemeal(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  for (let i = 0; i < 10; i++) {
    await ends.sender.write(50);
    await sleep(10);
  }
  await ends.receiver.received(500);
  await ends.sender.shutdown();
  await ends.receiver.ended();
  await ends.receiver.shutdown();
  await ends.sender.ended();
}

async function resetBySender(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  await ends.sender.write(1000);
  await ends.receiver.received(1000);
  await sleep(100);
  await ends.sender.reset();
  await ends.receiver.ended();
}

/** The reset got lost; the receiver hears of it when it sends itself. */
async function resetLost(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  await ends.sender.write(1000);
  await ends.receiver.received(1000);
  await sleep(100);
  await ends.sender.reset();
  await sleep(100);
  await ends.receiver.write(10);
  await ends.receiver.ended();
}

async function refused(ends: Ends): Promise<void> {
  const error = await ends.refused();
  if (error !== "ECONNREFUSED") throw new Error(`refused with ${error}`);
}

export const SCRIPTS: readonly Script[] = [
  { name: "nothing is lost" },
  { name: "the SYN is lost", fate: first(onlySyn), hits: [1, 1] },
  { name: "the SYN comes twice", fate: first(onlySyn, "twice"), hits: [1, 1] },
  {
    name: "the SYN-ACK is lost",
    fate: first(synAck),
    hits: [1, 1],
    // Both ends repeat themselves after a second; Linux lets the server's timer run up to 64 ms late. Where ours is not, the
    // SYN-ACK goes twice, which makes the first window one segment (RFC 5681 §3.1)
    late: 300,
    also: { [BEHIND]: 1, [REPEATED_ACK]: 1, "Connection establish acknowledge (SYN+ACK): server port N": 1 },
  },
  { name: "the SYN-ACK comes twice", fate: first(synAck, "twice"), hits: [1, 1] },
  {
    name: "the handshake's ACK is lost",
    fate: () => {
      let seen = 0;
      return (seg) => (!seg.syn && seen++ === 0 ? "drop" : "pass");
    },
    hits: [1, 1],
  },
  { name: "the first segment is lost", fate: first((s) => data(s, 1)), hits: [1, 1] },
  { name: "the fifth segment is lost", fate: first((s) => data(s, 5)), hits: [1, 1] },
  { name: "three in a row are lost", fate: first((s) => within(s, 5, 7)), hits: [3, 3] },
  { name: "two of a flight are lost", fate: first((s) => data(s, 3) || data(s, 8)), hits: [2, 2] },
  { name: "every 20th is lost", fate: first((s) => data(s, 10) || data(s, 30)), hits: [2, 2] },
  {
    name: "every fifth is lost",
    fate: first((s) => s.forward && (s.offset / MSS) % 5 === 4 && s.length > 0),
    hits: [8, 8],
    late: 300,
  },
  { name: "the tail is lost", fate: first(tail), hits: [1, 1] },
  { name: "the tail is lost, and nothing follows", play: finApart, fate: first(tail), hits: [1, 1] },
  { name: "the tail and its probe are lost, and nothing follows", play: finApart, fate: times(2, tail), hits: [2, 2] },
  {
    name: "the last three are lost, and nothing follows",
    play: finApart,
    fate: first((s) => within(s, SEGMENTS - 2, SEGMENTS)),
    hits: [3, 3],
  },
  { name: "the FIN alone is lost", play: finApart, fate: first((s) => s.forward && s.fin), hits: [1, 1] },
  { name: "the last two are lost", fate: first((s) => within(s, SEGMENTS - 1, SEGMENTS)), hits: [2, 2] },
  { name: "the tail and the repetition are lost", fate: times(2, tail), hits: [2, 2] },
  { name: "a segment and its repetition are lost", fate: times(2, (s) => data(s, 5)), hits: [2, 2] },
  { name: "a whole flight is lost", fate: first((s) => within(s, 1, 10)), hits: [10, 10] },
  { name: "the FIN is lost", fate: first((s) => s.forward && s.fin), hits: [1, 1] },
  { name: "the FIN's ACK is lost", fate: first((s) => !s.forward && s.fin), hits: [1, 1] },
  {
    name: "both FINs are lost",
    fate: first((s) => s.fin),
    hits: [2, 2],
  },
  {
    name: "the last ACK is lost",
    fate: () => {
      let closed = false;
      let done = false;
      return (s) => {
        if (!s.forward && s.fin) closed = true;
        else if (closed && s.forward && !done) {
          done = true;
          return "drop";
        }
        return "pass";
      };
    },
    hits: [1, 1],
  },
  {
    name: "no ACK comes for 300 ms",
    fate: () => {
      let since = 0;
      return (s) => {
        if (since === 0 && within(s, 11, SEGMENTS)) since = performance.now();
        return dataAck(s) && since !== 0 && performance.now() - since < 300 ? "drop" : "pass";
      };
    },
    hits: [1, 60],
  },
  {
    name: "every second ACK is lost",
    fate: () => {
      let n = 0;
      return (s) => (dataAck(s) && s.offset === 0 && n++ % 2 === 1 ? "drop" : "pass");
    },
    hits: [2, 60],
  },
  { name: "two overtake a segment", fate: first((s) => data(s, 8), 4), hits: [1, 1] },
  { name: "three overtake a segment", fate: first((s) => data(s, 7), 4), hits: [1, 1] },
  { name: "a segment is 30 ms late", fate: first((s) => data(s, 5), 30), hits: [1, 1] },
  { name: "a segment comes twice", fate: first((s) => data(s, 5), "twice"), hits: [1, 1], twice: true },
  {
    name: "every segment comes twice",
    fate: first((s) => s.forward && s.length > 0, "twice"),
    hits: [SEGMENTS, SEGMENTS],
    twice: true,
  },
  { name: "an ACK comes twice", fate: counted(1, (s) => dataAck(s) && s.since === 0, "twice"), hits: [1, 1] },
  { name: "a segment is corrupted", fate: first((s) => data(s, 5), "corrupt"), hits: [1, 1] },
  { name: "the SYN is corrupted", fate: first(onlySyn, "corrupt"), hits: [1, 1] },
  {
    name: "the path's MTU shrinks",
    ownAddresses: true,
    fate: () => (s) => (s.forward && s.offset >= 10 * MSS && s.length > PATH_MTU - HEADERS ? "too big" : "pass"),
    hits: [1, 2 * SEGMENTS],
  },
  { name: "the reader stops", play: stopped, bytes: [LARGE, 0] },
  {
    name: "the reader stops and the window's opening is lost",
    play: stopped,
    bytes: [LARGE, 0],
    fate: () => {
      let closed = false;
      let lost = false;
      return (s) => {
        if (dataAck(s) && s.window === 0) closed = true;
        if (dataAck(s) && closed && s.window !== 0 && !lost) {
          lost = true;
          return "drop";
        }
        return "pass";
      };
    },
    hits: [1, 1],
  },
  { name: "question and answer", ...QUESTIONS },
  {
    name: "a question is lost",
    ...QUESTIONS,
    fate: first((s) => s.forward && s.length > 0 && s.offset === 200),
    hits: [1, 1],
  },
  {
    name: "an answer is lost",
    ...QUESTIONS,
    fate: first((s) => !s.forward && s.length > 0 && s.offset === 600),
    hits: [1, 1],
  },
  { name: "small writes", play: piecemeal, bytes: [500, 0] },
  { name: "both send at a time", play: bothWays, bytes: HALF },
  { name: "both send and each loses one", play: bothWays, bytes: HALF, fate: bothLose, hits: [2, 2] },
  { name: "the receiver closes first", play: receiverFirst },
  {
    name: "the receiver closes first, its FIN is lost",
    play: receiverFirst,
    fate: first((s) => !s.forward && s.fin),
    hits: [1, 1],
  },
  { name: "half closed from the start", play: halfClosed },
  { name: "half closed, and a segment lost", play: halfClosed, fate: first((s) => data(s, 5)), hits: [1, 1] },
  { name: "both close at once", play: closeAtOnce },
  {
    name: "both close at once, one FIN is lost",
    play: closeAtOnce,
    fate: first((s) => s.forward && s.fin),
    hits: [1, 1],
  },
  { name: "connected and closed", play: nothingSaid, bytes: [0, 0] },
  { name: "nobody listens", play: refused, bytes: [0, 0], ends: ["*", "*"] },
  {
    name: "nobody listens, and the reset is lost",
    play: refused,
    bytes: [0, 0],
    ends: ["*", "*"],
    fate: first((s) => s.rst),
    hits: [1, 1],
  },
  { name: "closed with unread data", play: unread, bytes: [0, 0], ends: ["*", "ECONNRESET"] },
  { name: "reset", play: resetBySender, bytes: [1000, 0], ends: ["ECONNRESET", "*"] },
  {
    name: "the reset is lost",
    play: resetLost,
    bytes: [1000, 0],
    ends: ["ECONNRESET", "*"],
    fate: first((s) => s.rst),
    hits: [1, 1],
  },
];
