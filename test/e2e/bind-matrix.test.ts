import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BindCase, bindCases, exhaustionCases, socketCases } from "./helpers/bind-cases.js";
import { BindModel } from "./helpers/bind-model.js";
import { BindSockets } from "./helpers/bind-sockets.js";

const source = new URL("./helpers/bind-matrix.c", import.meta.url).pathname;
/** Linux 6.18 is the one whose memory of changed options was looked at. */
const toggles = release().startsWith("6.18.");
let folder = "";

/** What the kernel of this machine answers, case by case, in a namespace that the program makes for itself. */
function kernel(cases: readonly BindCase[], low: number, high: number): number[][] {
  const input = cases.map((c) => `${c.calls.join(" ")}\n`).join("");
  const output = execFileSync(join(folder, "bind-matrix"), [`${low}`, `${high}`], { input, encoding: "utf8" });
  return output
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
}

type Play = (call: string, answer: number) => number;

/** Each case as text with the errnos, the kernel's and ours: a difference shows the calls that led to it. */
function compare(
  cases: readonly BindCase[],
  low: number,
  high: number,
  begin: () => Play,
): { theirs: string[]; ours: string[] } {
  const answers = kernel(cases, low, high);
  const theirs: string[] = [];
  const ours: string[] = [];
  cases.forEach(({ calls }, i) => {
    const play = begin();
    const answer = answers[i] as number[];
    theirs.push(calls.map((call, j) => `${call}=${answer[j]}`).join(" "));
    ours.push(calls.map((call, j) => `${call}=${play(call, answer[j] as number)}`).join(" "));
  });
  return { theirs: theirs.filter((line, i) => line !== ours[i]), ours: ours.filter((line, i) => line !== theirs[i]) };
}

describe("bind and listen, call by call, beside the kernel", () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tapstack-bind-"));
    execFileSync("cc", ["-O1", "-Wall", "-Wextra", "-o", join(folder, "bind-matrix"), source]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("gives the kernel's errno in every case of the matrix", { timeout: 60_000 }, () => {
    const cases = bindCases(toggles);
    expect(cases.length).toBeGreaterThan(1500);
    const model = new BindModel(32768, 60999);
    const { theirs, ours } = compare(cases, 32768, 60999, () => {
      model.reset();
      return (call, answer) => model.play(call, answer);
    });
    expect(ours).toEqual(theirs);
  });

  it("gives the kernel's errno when more sockets want a port than the range has", { timeout: 30_000 }, () => {
    const { theirs, ours } = compare(exhaustionCases(8), 40000, 40007, () => {
      const model = new BindModel(40000, 40007);
      return (call, answer) => model.play(call, answer);
    });
    expect(ours).toEqual(theirs);
  });

  it("gives the kernel's errno on the sockets of a stack", { timeout: 60_000 }, () => {
    const sockets = new BindSockets(32768, 60999);
    const { theirs, ours } = compare(socketCases(), 32768, 60999, () => {
      sockets.reset();
      return (call) => sockets.play(call);
    });
    expect(ours).toEqual(theirs);
  });

  it("knows cases of both kinds", () => {
    const answers = kernel(bindCases(false), 32768, 60999).flat();
    expect(answers.filter((errno) => errno === 98).length).toBeGreaterThan(500);
    expect(answers.filter((errno) => errno === 0).length).toBeGreaterThan(500);
  });
});
