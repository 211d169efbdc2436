// Scripts of losses, reordering, stopped readers and closes in every order, each in four roles (who sends, who connects),
// between our TCP and the kernel's over a TAP; and the same between two kernels over the same impairment. tshark's
// experts look at the wire on the far kernel's side: whatever they remark on in ours, they remark on with the kernel in
// our place, and no more often; as fast, and with as little left behind.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CASES, type Finding } from "./kernel-tcp/judge.js";
import { HAVE_NETNS, Netns } from "./netns.js";

const WORKER = "test/e2e/kernel-tcp/worker.ts";
const TIMEOUT = 110_000;

describe.skipIf(!HAVE_NETNS)("TCP against the kernel's, script by script", () => {
  const folder = mkdtempSync(join(tmpdir(), "tapstack-kernel-tcp-"));
  const netns: Netns[] = [];
  const findings = new Map<string, Finding>();

  beforeAll(async () => {
    const [far, near] = [new Netns("far"), new Netns("near")];
    netns.push(far, near);
    for (const one of netns) await one.run("sh", ["-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6"]);
    const outcome = await far.node(WORKER, [near.name, folder], { timeout: TIMEOUT });
    expect(outcome).toMatchObject({ code: 0 });
    for (const finding of JSON.parse(outcome.stdout) as Finding[]) findings.set(finding.name, finding);
  }, TIMEOUT);
  afterAll(async () => {
    for (const one of netns) await one.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(CASES.map(({ name }) => [name]))("%s", (name) => {
    const finding = findings.get(name);
    expect(finding?.complaints, `${name}\n${finding?.trace}`).toEqual([]);
  });
});
