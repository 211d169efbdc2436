import { type Analysis, ARRIVED_BEFORE, BEHIND, REPEATED_ACK, type Remarks } from "./capture.js";
import type { Outcome, Role, Script } from "./play.js";
import { SCRIPTS } from "./scripts.js";
import type { Left, Near } from "./stage.js";

/** A script in a role. */
export interface Case {
  readonly name: string;
  readonly script: Script;
  readonly role: Role;
}

const ROLES: readonly Role[] = [
  { sends: true, connects: true },
  { sends: true, connects: false },
  { sends: false, connects: true },
  { sends: false, connects: false },
];

function caseName(script: Script, { sends, connects }: Role): string {
  return `${script.name}; ${sends ? "we send" : "the kernel sends"}, ${connects ? "we connect" : "the kernel connects"}`;
}

export const CASES: readonly Case[] = SCRIPTS.flatMap((script) =>
  ROLES.map((role) => ({ name: caseName(script, role), script, role })),
);

export interface Played {
  readonly item: Case;
  readonly near: Near;
  readonly outcome: Outcome;
}

/** What was found of a case so far. */
export interface Finding {
  readonly name: string;
  /** What is wrong with the last attempt; nothing: it is as with the kernel in our place. */
  readonly complaints: readonly string[];
  readonly attempts: number;
  /** Milliseconds: ours, and the longest that the kernel took. */
  readonly ms: readonly [number, number];
  /** Remarks of the experts, ours, and the most of each that the kernel drew. */
  readonly ours: Readonly<Record<string, number>>;
  readonly kernel: Readonly<Record<string, number>>;
  /** The last attempts of both, when something is wrong. */
  readonly trace: string;
}

/** What a busy machine may cost, milliseconds: less than a loss probe saves, which comes 160 ms before the timeout would. */
const LATE = 110;

/** As many ACKs more as a flight has segments: one more or less is compressed, or counted as a quick one. */
const FLIGHT = 10;

/** How often a remark may be made, given what the kernel draws. What it never draws may not be made at all. */
function mayBe(remark: string, kernel: Readonly<Record<string, number>>, twice: boolean): number {
  const count = kernel[remark] ?? 0;
  const other = remark === ARRIVED_BEFORE ? BEHIND : remark === BEHIND ? ARRIVED_BEFORE : undefined;
  if (count > 0 && remark === REPEATED_ACK) return count + FLIGHT;
  // Whether the ACK had been captured before what comes again is a matter of microseconds: it draws one remark or the other
  if (other !== undefined && (twice || (count > 0 && remark === ARRIVED_BEFORE))) return count + (kernel[other] ?? 0);
  return count;
}

function most(remarks: Remarks, before: Readonly<Record<string, number>>): Record<string, number> {
  const all = { ...before };
  for (const [remark, count] of remarks) all[remark] = Math.max(count, all[remark] ?? 0);
  return all;
}

function states(left: readonly Left[], port: number): string {
  const found = left.filter((socket) => socket.port === port).map(({ state }) => state);
  return found.length === 0 ? "nothing" : found.sort().join(" ");
}

/** Holds what our TCP did against what the kernel did in its place. */
export function judge(
  cases: readonly Case[],
  played: readonly Played[],
  left: { readonly near: readonly Left[]; readonly far: readonly Left[] },
  analysis: Analysis,
  before: ReadonlyMap<string, Finding>,
): Finding[] {
  return cases.map((item) => {
    const of = (near: Near): Outcome => (played.find((p) => p.item === item && p.near === near) as Played).outcome;
    const [ours, kernel] = [of("ours"), of("kernel")];
    const earlier = before.get(item.name);
    const remarks = analysis.remarks(ours.port);
    const drawn = analysis.remarks(kernel.port);
    const allowed = most(drawn, earlier?.kernel ?? {});
    const longest = Math.max(kernel.ms, earlier?.ms[1] ?? 0);
    const complaints: string[] = [];
    if (ours.complaint !== "") complaints.push(ours.complaint);
    if (kernel.complaint !== "") complaints.push(`with the kernel in our place: ${kernel.complaint}`);
    if (ours.ms > longest + (item.script.late ?? LATE)) complaints.push(`${ours.ms} ms; the kernel takes ${longest}`);
    for (const [remark, count] of remarks)
      if (count > mayBe(remark, allowed, item.script.twice === true) + (item.script.also?.[remark] ?? 0))
        complaints.push(`${count} x ${remark} (kernel: ${allowed[remark] ?? 0})`);
    // Repairs that the experts can see with the kernel, and not with us, were made in another way, as by a timeout
    if (drawn.has(BEHIND) && !remarks.has(BEHIND)) complaints.push(`no ${BEHIND}; with the kernel there is`);
    for (const end of ["near", "far"] as const) {
      const [mine, theirs] = [states(left[end], ours.port), states(left[end], kernel.port)];
      if (mine !== theirs) complaints.push(`the ${end} end is left with ${mine}; with the kernel ${theirs}`);
    }
    return {
      name: item.name,
      complaints,
      attempts: (earlier?.attempts ?? 0) + 1,
      ms: [ours.ms, longest],
      ours: Object.fromEntries(remarks),
      kernel: allowed,
      trace: complaints.length === 0 ? "" : `${analysis.trace(ours.port)}\n\n${analysis.trace(kernel.port)}`,
    };
  });
}
