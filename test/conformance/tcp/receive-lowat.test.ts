import { describe, expect } from "vitest";
import { READABLE } from "../../../src/socket/types.js";
import { type Script, scripted } from "../harness.js";
import { tells } from "./flights.js";

const SACK = "win 65535 <mss 1460,nop,nop,sackOK,nop,wscale 7>";
const readable = (t: Script): boolean => (t.socket.poll() & READABLE) !== 0;

describe("SO_RCVLOWAT", () => {
  scripted("readable from so many bytes on; a read gives what there is", (t) => {
    t.passive(SACK);
    t.set("SO_RCVLOWAT", 3000);
    const seen: boolean[] = [];
    t.play("+0.01 < P. 1:1001(1000) ack 1");
    t.takeAll();
    seen.push(readable(t));
    t.read(100);
    t.play("+0.01 < P. 1001:3000(1999) ack 1");
    t.takeAll();
    seen.push(readable(t));
    t.play("+0.01 < P. 3000:3101(101) ack 1");
    t.takeAll();
    seen.push(readable(t));
    t.read(1);
    t.read(100);
    seen.push(readable(t));
    t.set("SO_RCVLOWAT", 0);
    seen.push(readable(t));
    expect(seen).toEqual([false, false, true, false, true]);
    expect(t.socket.getOption("SO_RCVLOWAT")).toBe(1);
    t.skip(0.05);
  });

  scripted("... or once the peer has closed", (t) => {
    t.passive(SACK);
    t.set("SO_RCVLOWAT", 3000);
    t.play("+0.01 < P. 1:1001(1000) ack 1");
    t.takeAll();
    expect(readable(t)).toBe(false);
    t.play("+0.01 < F. 1001:1001(0) ack 1");
    expect(readable(t)).toBe(true);
    t.read(1000);
    expect([t.tryRead(1), readable(t)]).toEqual([0, true]);
    t.skip(0.1);
  });

  scripted("... or once the window is nearly shut", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 5000 });
    t.set("SO_RCVLOWAT", 100_000);
    expect(t.socket.getOption("SO_RCVLOWAT")).toBe(5000);
    const seen: boolean[] = [];
    for (let seq = 1; seq < 4381; seq += 1460) {
      t.play(`+0.01 < P. ${seq}:${seq + 1460}(1460) ack 1`);
      t.takeAll();
      seen.push(readable(t));
    }
    expect(seen).toEqual([false, false, true]);
    t.skip(0.1);
  });

  scripted("the buffer grows for it, and the window with it, unless SO_RCVBUF was set", (t) => {
    t.passive(SACK);
    t.set("SO_RCVLOWAT", 100_000);
    expect([t.socket.getOption("SO_RCVBUF"), t.socket.getOption("TCP_WINDOW_CLAMP")]).toEqual([200_000, 100_000]);
    t.play(`
      +0.01 < P. 1:1461(1460) ack 1
      > . 1:1(0) ack 1461 win 525`);
    t.set("SO_RCVBUF", 20_000);
    t.set("SO_RCVLOWAT", 100_000);
    expect([t.socket.getOption("SO_RCVBUF"), t.socket.getOption("SO_RCVLOWAT")]).toEqual([40_000, 20_000]);
  });

  scripted("before it listens: connections have it, and the larger window", (t) => {
    t.passive(SACK, { SO_RCVLOWAT: 100_000 });
    expect([t.socket.getOption("SO_RCVLOWAT"), t.socket.getOption("SO_RCVBUF")]).toEqual([100_000, 200_000]);
    tells(t, { rcv_ssthresh: 98_540 });
    t.play(`
      +0.01 < P. 1:1461(1460) ack 1
      > . 1:1(0) ack 1461 win 799`);
  });

  scripted("what does not yet suffice is acknowledged though the ACK can only say that there is less room", (t) => {
    t.passive(SACK, { SO_RCVBUF: 10_000 });
    t.set("SO_RCVLOWAT", 9000);
    t.set("TCP_QUICKACK", 0);
    t.play(`
      +0.01 < . 1:1461(1460) ack 1
      +0.01 < . 1461:2921(1460) ack 1
      > . 1:1(0) ack 2921 win 8760
      +0.01 < . 2921:4381(1460) ack 1
      +0.01 < . 4381:5841(1460) ack 1
      > . 1:1(0) ack 5841 win 5840`);
  });
});
