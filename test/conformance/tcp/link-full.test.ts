import { describe, expect } from "vitest";
import { PEER_ADDRESS, type Script, scripted } from "../harness.js";

const SACK = "win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>";

/** So many datagrams wait that there is no room for a segment. */
function clog(t: Script): void {
  t.link.blocked = true;
  const udp = t.stack.socket("udp");
  while (udp.sendTo(new Uint8Array(8), { address: PEER_ADDRESS, port: 9 }) > 0);
  t.drain();
  udp.close();
}

/** There is room again; the datagrams are forgotten. */
function unclog(t: Script): void {
  t.link.unblock();
  t.drain();
  t.takeAll();
}

describe("what a segment was to say that found no room in the link is said by the next", () => {
  scripted("a duplicate (RFC 2883 §4)", (t) => {
    t.passive(SACK);
    t.play("+0.01 < P. 1:1001(1000) ack 1");
    t.takeAll();
    clog(t);
    t.play("+0.01 < . 501:1501(1000) ack 1");
    t.quiet(0.01);
    unclog(t);
    t.play("+0.19 > . 1:1(0) ack 1501 <nop,nop,sack 501:1001>");
  });

  scripted("a duplicate that data was to bear, for which there was no room", (t) => {
    t.passive("win 2000 <mss 1000,nop,nop,sackOK>");
    t.write(6000);
    t.play(`
      > . 1:1001(1000) ack 1
      > P. 1001:2001(1000) ack 1
      +0.01 < P. 1:1001(1000) ack 1 win 2000`);
    t.takeAll();
    const tx = t.stack.tcp.context.ip.netifs.find((netif) => netif.name === "script0")?.tx;
    if (tx === undefined) throw new Error("no link");
    tx.piece = () => false;
    t.play(`
      +0.01 < . 501:1501(1000) ack 2001 win 2000
      > . 2001:2001(0) ack 1501 <nop,nop,sack 501:1001>`);
    expect(t.info("unacked")).toBe(0);
  });
});
