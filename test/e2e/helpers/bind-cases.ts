import { below, SeededRandom } from "../../../src/platform/random.js";

/** Scripts for bind-matrix.c (its head says what the calls are). Every case has a port of its own. */
export interface BindCase {
  readonly port: number;
  readonly calls: readonly string[];
}

const ADDRESSES = ["0.0.0.0", "127.0.0.1", "127.0.0.2"];
const FLAGS = ["00", "10", "01", "11"];
const FIRST_PORT = 2000;

/** Two sockets of one protocol: every pair of addresses and flags, for TCP with the first listening or not. */
function pairs(protocol: "t" | "u"): string[][] {
  const cases: string[][] = [];
  for (const a of ADDRESSES)
    for (const b of ADDRESSES)
      for (const fa of FLAGS)
        for (const fb of FLAGS)
          for (const listening of protocol === "t" ? [false, true] : [false]) {
            const calls = [
              `s0${protocol}${fa}`,
              `b0@${a}:P`,
              ...(listening ? ["l0"] : []),
              `s1${protocol}${fb}`,
              `b1@${b}:P`,
            ];
            cases.push(protocol === "t" ? [...calls, "l1", "l0"] : calls);
          }
  return cases;
}

/** Three sockets of one protocol, in a row: the kernel's shortcuts past its conflict check show only here. */
function triples(protocol: "t" | "u"): string[][] {
  const cases: string[][] = [];
  for (const fa of FLAGS)
    for (const fb of FLAGS)
      for (const fc of FLAGS)
        for (const [a, b, c] of [
          [0, 0, 0],
          [0, 1, 2],
          [1, 2, 0],
          [1, 1, 1],
          [1, 0, 1],
        ] as const)
          cases.push([
            `s0${protocol}${fa}`,
            `b0@${ADDRESSES[a]}:P`,
            `s1${protocol}${fb}`,
            `b1@${ADDRESSES[b]}:P`,
            `s2${protocol}${fc}`,
            `b2@${ADDRESSES[c]}:P`,
            ...(protocol === "t" ? ["l0", "l1", "l2"] : []),
          ]);
  return cases;
}

/** Both protocols at one port: neither knows of the other. */
function mixed(): string[][] {
  return FLAGS.flatMap((fa) =>
    FLAGS.map((fb) => [`s0t${fa}`, "b0@0.0.0.0:P", "l0", `s1u${fb}`, "b1@0.0.0.0:P", `s2t${fb}`, "b2@127.0.0.1:P"]),
  );
}

/** Up to four sockets coming and going, with connections that outlive them, and with `toggles` options that change. */
function histories(count: number, seed: number, toggles: boolean, flags: readonly string[] = FLAGS): string[][] {
  const random = new SeededRandom(seed);
  const pick = <T>(from: readonly T[]): T => from[below(random, from.length)] as T;
  return Array.from({ length: count }, () => {
    const protocol = below(random, 4) === 0 ? "u" : "t";
    const calls: string[] = [];
    const open = new Set<number>();
    for (let step = 0; step < 12; step++) {
      const i = below(random, 4);
      if (!open.has(i)) {
        open.add(i);
        calls.push(`s${i}${protocol}${pick(flags)}`, `b${i}@${pick(ADDRESSES)}:P`);
        continue;
      }
      const what = pick([...(protocol === "t" ? ["l", "l", "p", "w", "x"] : []), "c", ...(toggles ? ["o"] : [])]);
      if (what === "o") calls.push(`o${pick(["A", "P"])}${i}${below(random, 2)}`);
      else calls.push(`${what}${i}`);
      if (what === "c") open.delete(i);
    }
    return calls;
  });
}

function numbered(cases: string[][]): BindCase[] {
  return cases.map((calls, i) => {
    const port = FIRST_PORT + i;
    return { port, calls: calls.map((call) => call.replace(":P", `:${port}`)) };
  });
}

/** The whole matrix. @param toggles whether options change after bind: how kernels remember that is their own affair */
export function bindCases(toggles: boolean): BindCase[] {
  return numbered([
    ...pairs("t"),
    ...pairs("u"),
    ...triples("t"),
    ...triples("u"),
    ...mixed(),
    ...histories(600, 20261121, false),
    ...(toggles ? histories(600, 7, true) : []),
  ]);
}

/** Those in which the kernel makes no choice of its own: of a SO_REUSEPORT group's listeners any may get a connection. */
export function socketCases(): BindCase[] {
  return numbered([
    ...pairs("t"),
    ...pairs("u"),
    ...triples("t"),
    ...triples("u"),
    ...mixed(),
    ...histories(400, 20261122, false, ["00", "10"]),
  ]);
}

/** More sockets asking for any port than the range has. It must be even: the kernel never tries the last of an odd one. */
export function exhaustionCases(range: number): BindCase[] {
  const cases: string[][] = [];
  for (const protocol of ["t", "u"])
    for (const first of ADDRESSES)
      for (const last of ADDRESSES)
        for (const flags of FLAGS)
          cases.push(
            Array.from({ length: range + 1 }, (_, i) => [
              `s${i}${protocol}${flags}`,
              `b${i}@${i < range ? first : last}:0`,
            ]).flat(),
          );
  return numbered(cases);
}
