import type { End, Report } from "./end.js";
import type { Near, Stage } from "./stage.js";
import type { Judge } from "./wire.js";

/** Payload of a full segment, with timestamps. */
export const MSS = 1448;
/** Segments of a transfer: an initial window of ten, and what two round trips more let out. */
export const SEGMENTS = 40;
export const TOTAL = SEGMENTS * MSS;

/** Milliseconds until a flow is given up. */
const PATIENCE = 15_000;

/** Who plays which part, by the near end. */
export interface Role {
  readonly sends: boolean;
  readonly connects: boolean;
}

/** The ends of a flow by what they do in it, not yet connected. */
export class Ends {
  readonly sender: End;
  readonly receiver: End;
  private readonly client: End;
  private readonly server: End;
  private readonly port: number;

  constructor(near: End, far: End, role: Role, port: number) {
    [this.sender, this.receiver] = role.sends ? [near, far] : [far, near];
    [this.client, this.server] = role.connects ? [near, far] : [far, near];
    this.port = port;
  }

  /** Resolves when both know that they are connected. @param slow reads nothing until it is told to */
  async connect(slow: End | null = null): Promise<void> {
    await this.server.listen(this.port, slow === this.server);
    const [error] = await Promise.all([
      this.client.connect(this.port, slow === this.client),
      // The server may know only once data come: whoever waits for it would wait in vain
    ]);
    if (error !== "") throw new Error(`connect: ${error}`);
  }

  /** Resolves with the errno. */
  refused(): Promise<string> {
    return this.client.connect(this.port, false);
  }

  accepted(): Promise<void> {
    return this.server.accepted();
  }
}

export interface Script {
  readonly name: string;
  /** What becomes of each segment; made anew for each flow. */
  readonly fate?: () => Judge;
  /** So many segments are met by it when all goes well, at least and at most. */
  readonly hits?: readonly [number, number];
  /** Bytes that each end gets: the receiver, the sender; TOTAL and 0 by default. */
  readonly bytes?: readonly [number, number];
  /** How what comes in ends, at the receiver, at the sender; FIN by default, * for who closed it. */
  readonly ends?: readonly [string, string];
  /** Hosts learn something of each other's addresses that other flows must not know. */
  readonly ownAddresses?: boolean;
  /** Milliseconds that we may take longer than the kernel; for what hangs on the order of events within one. */
  readonly late?: number;
  /** Remarks that may be made though the kernel need not draw them, and how often. */
  readonly also?: Readonly<Record<string, number>>;
  /** Data come twice, and the second copy may be captured before the ACK of the first or after it. */
  readonly twice?: boolean;
  /** Default: the sender sends TOTAL and closes, then the receiver does. */
  readonly play?: (ends: Ends) => Promise<void>;
}

/** What came of a flow. */
export interface Outcome {
  readonly port: number;
  /** What is wrong with it, whatever the experts say; empty: nothing. */
  readonly complaint: string;
  readonly ms: number;
}

export async function transfer(ends: Ends): Promise<void> {
  await ends.connect();
  await ends.accepted();
  await ends.sender.write(TOTAL);
  await ends.sender.shutdown();
  await ends.receiver.ended();
  await ends.receiver.shutdown();
  await ends.sender.ended();
}

function complaint(script: Script, receiver: Report, sender: Report, hits: number): string {
  const [toReceiver, toSender] = script.bytes ?? [TOTAL, 0];
  const [receiverEnd, senderEnd] = script.ends ?? ["FIN", "FIN"];
  const [least, most] = script.hits ?? [0, 0];
  const told: string[] = [];
  if (receiver.received !== toReceiver) told.push(`${receiver.received} bytes of ${toReceiver} arrived`);
  if (sender.received !== toSender) told.push(`${sender.received} bytes of ${toSender} came back`);
  for (const { wrongAt } of [receiver, sender]) if (wrongAt >= 0) told.push(`byte ${wrongAt} is wrong`);
  if (receiverEnd !== "*" && receiver.ended !== receiverEnd)
    told.push(`the receiver saw ${receiver.ended}, not ${receiverEnd}`);
  if (senderEnd !== "*" && sender.ended !== senderEnd) told.push(`the sender saw ${sender.ended}, not ${senderEnd}`);
  if (hits < least || hits > most) told.push(`${hits} segments were met, not ${least} to ${most}`);
  return told.join("; ");
}

/** Plays a script once. */
export async function play(stage: Stage, script: Script, role: Role, near: Near, port: number): Promise<Outcome> {
  const wire = stage.wire(near);
  wire.watch(port, script.fate?.() ?? (() => "pass"), role.sends ? "tx" : "rx");
  const pair = stage.pair(near, script.ownAddresses === true);
  const nearEnd = stage.nearEnd(near, port, pair);
  const farEnd = stage.farEnd(port, pair);
  const ends = new Ends(nearEnd, farEnd, role, port);
  const start = performance.now();
  let failure = "";
  try {
    await within((script.play ?? transfer)(ends), PATIENCE);
  } catch (error) {
    failure = (error as Error).message;
  }
  const ms = Math.round(performance.now() - start);
  const [receiver, sender] = [await ends.receiver.report(), await ends.sender.report()];
  await Promise.all([nearEnd.close(), farEnd.close()]);
  const told = complaint(script, receiver, sender, wire.hits(port));
  return { port, ms, complaint: [failure, told].filter((text) => text !== "").join("; ") };
}

/** Rejects when it takes longer. */
async function within(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${ms} ms`)), ms);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
