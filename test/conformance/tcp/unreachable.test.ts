import { describe } from "vitest";
import { type Script, scripted } from "../harness.js";

const UNREACHABLE = 3;
const ABOUT_FIRST = { seq: 1 } as const;

/** What is sent again at 0.3, 0.9 and 2.1 s: the next would go at 4.5 s. */
function thriceInVain(t: Script): void {
  t.passive();
  t.write(100);
  t.play(`
    > P. 1:101(100) ack 1
    +0.3 > P. 1:101(100) ack 1
    +0.6 > P. 1:101(100) ack 1
    +1.2 > P. 1:101(100) ack 1`);
}

describe("long connectivity disruptions (RFC 6069)", () => {
  scripted("an unreachable takes one doubling back: what is left of the shorter time is waited for", (t) => {
    thriceInVain(t);
    t.skip(0.5);
    t.icmp(UNREACHABLE, 1, ABOUT_FIRST);
    t.about("rto", 1_200_000);
    t.play("+0.7 > P. 1:101(100) ack 1");
    t.about("rto", 2_400_000);
  });

  scripted("one that comes when the shorter time is over sends at once", (t) => {
    thriceInVain(t);
    t.skip(1.5);
    t.icmp(UNREACHABLE, 0, ABOUT_FIRST);
    t.play(`
      > P. 1:101(100) ack 1
      +2.4 > P. 1:101(100) ack 1`);
  });

  scripted("each takes one, and none what was never doubled", (t) => {
    t.passive();
    t.write(100);
    t.play("> P. 1:101(100) ack 1");
    t.icmp(UNREACHABLE, 1, ABOUT_FIRST);
    t.play(`
      +0.3 > P. 1:101(100) ack 1`);
    t.icmp(UNREACHABLE, 1, ABOUT_FIRST);
    t.icmp(UNREACHABLE, 1, ABOUT_FIRST);
    t.play("+0.3 > P. 1:101(100) ack 1");
  });

  for (const [type, code] of [
    [3, 3],
    [3, 13],
    [11, 0],
  ] as const)
    scripted(`type ${type} code ${code} takes nothing back`, (t) => {
      thriceInVain(t);
      t.skip(1.5);
      t.icmp(type, code, ABOUT_FIRST);
      t.quiet(0.8, 0.8);
    });

  scripted("nor does one about anything but the first of what is in flight", (t) => {
    t.passive();
    t.set("TCP_NODELAY", 1);
    t.write(100);
    t.write(100);
    t.play(`
      > P. 1:101(100) ack 1
      > P. 101:201(100) ack 1
      +0.3 > P. 1:201(200) ack 1
      +0.6 > P. 1:201(200) ack 1`);
    t.skip(1);
    t.icmp(UNREACHABLE, 1, { seq: 101 });
    t.quiet(0.1, 0.1);
    t.icmp(UNREACHABLE, 1, ABOUT_FIRST);
    t.play("> P. 1:201(200) ack 1");
  });

  scripted(
    "the timeout that is then due gives up an orphan that has been tried for long enough",
    (t) => {
      t.passive();
      t.close();
      t.play(`
      > F. 1:1(0) ack 1
      +0.3 > F. 1:1(0) ack 1
      +0.6 > F. 1:1(0) ack 1`);
      t.skip(0.9);
      t.icmp(UNREACHABLE, 0, ABOUT_FIRST);
      t.play(`
      +0.05 < . 1:1(0) ack 1
      > R 1:1(0)`);
    },
    { config: { "net.ipv4.tcp_orphan_retries": 2 } },
  );

  scripted(
    "but not one that has not",
    (t) => {
      t.passive();
      t.close();
      t.play(`
      > F. 1:1(0) ack 1
      +0.3 > F. 1:1(0) ack 1
      +0.6 > F. 1:1(0) ack 1`);
      t.skip(0.65);
      t.icmp(UNREACHABLE, 0, ABOUT_FIRST);
      t.play("> F. 1:1(0) ack 1");
      t.quiet(1.1, 1.1);
    },
    { config: { "net.ipv4.tcp_orphan_retries": 2 } },
  );
});
