import { describe, expect } from "vitest";
import { type Script, scripted } from "../harness.js";

const timeWaits = (t: Script): number => t.count("timeWaits");
const connections = (t: Script): number => t.count("connections");

/** Both sides have closed, we first: TIME-WAIT at 0.1 s. */
function closedByUs(t: Script): void {
  t.passive();
  t.close();
  t.play(`
    > F. 1:1(0) ack 1
    < F. 1:1(0) ack 2
    > . 2:2(0) ack 2`);
}

describe("closing (RFC 9293 §3.6)", () => {
  scripted("we close first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT", (t) => {
    t.passive();
    t.shutdown();
    t.play("> F. 1:1(0) ack 1");
    t.state("FIN-WAIT-1");
    t.play("< . 1:1(0) ack 2");
    t.state("FIN-WAIT-2");
    t.play(`
      < F. 1:1(0) ack 2
      > . 2:2(0) ack 2`);
    expect([timeWaits(t), connections(t)]).toEqual([1, 0]);
    expect(t.tryRead(1)).toBe(0);
  });

  scripted("the FIN's ACK and the peer's FIN in one segment", (t) => {
    closedByUs(t);
    expect([timeWaits(t), connections(t)]).toEqual([1, 0]);
  });

  scripted("the peer closes first: CLOSE-WAIT, LAST-ACK, CLOSED", (t) => {
    t.passive();
    t.play(`
      < F. 1:1(0) ack 1
      > . 1:1(0) ack 2`);
    t.state("CLOSE-WAIT");
    expect(t.counter("TcpCurrEstab")).toBe(1);
    expect(t.tryRead(1)).toBe(0);
    t.write(10);
    t.play(`
      > P. 1:11(10) ack 2
      < . 2:2(0) ack 11`);
    t.shutdown();
    t.state("LAST-ACK");
    t.play(`
      > F. 11:11(0) ack 2
      < . 2:2(0) ack 12`);
    t.state("CLOSED");
    expect([timeWaits(t), connections(t), t.error()]).toEqual([0, 0, ""]);
    expect([t.counter("TcpCurrEstab"), t.counter("TcpEstabResets")]).toEqual([0, 0]);
  });

  scripted("simultaneous close: CLOSING, TIME-WAIT (figure 13)", (t) => {
    t.passive();
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      < F. 1:1(0) ack 1
      > . 2:2(0) ack 2`);
    t.state("CLOSING");
    t.play("< . 2:2(0) ack 2");
    expect(timeWaits(t)).toBe(1);
  });

  scripted("simultaneous close: the FIN is acknowledged even if CLOSING ends in the same batch", (t) => {
    t.passive();
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      <& F. 1:1(0) ack 1
      < . 2:2(0) ack 2
      > . 2:2(0) ack 2`);
    expect(timeWaits(t)).toBe(1);
  });

  scripted("an orphan whose peer keeps the window shut is not kept for ever", (t) => {
    t.passive("win 1000 <mss 1000>");
    t.write(1500);
    t.play(`
      > . 1:501(500) ack 1
      > P. 501:1001(500) ack 1`);
    t.close();
    t.play("+0.1 < . 1:1(0) ack 1001 win 0");
    for (let i = 0; i < 9; i++)
      t.play(`
        +${(0.3 * 2 ** i).toFixed(3)} > . 1000:1000(0) ack 1
        < . 1:1(0) ack 1001 win 0`);
    t.quiet(121);
    expect(connections(t)).toBe(0);
  });

  scripted("half close: we still receive", (t) => {
    t.passive();
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2
      +1 < P. 1:1001(1000) ack 2
      > . 2:2(0) ack 1001
      +100 < FP. 1001:2001(1000) ack 2
      > . 2:2(0) ack 2002`);
    t.read(2000);
    expect(t.tryRead(1)).toBe(0);
    expect(t.tryWrite(1)).toBe(-32);
  });

  scripted("FIN goes with the last data", (t) => {
    t.passive("win 65535 <mss 1000>");
    t.set("TCP_CORK", 1);
    t.write(1500);
    t.play("> . 1:1001(1000) ack 1");
    t.close();
    t.play("> FP. 1001:1501(500) ack 1");
  });

  scripted("FIN waits behind data that the window holds back", (t) => {
    t.passive("win 1000 <mss 1000>");
    t.write(1500);
    t.close();
    // No piece is larger than half the largest window there was
    t.play(`
      > . 1:501(500) ack 1
      > P. 501:1001(500) ack 1
      < . 1:1(0) ack 1001 win 1000
      > FP. 1001:1501(500) ack 1
      < . 1:1(0) ack 1502
      < F. 1:1(0) ack 1502
      > . 1502:1502(0) ack 2`);
  });

  scripted("FIN needs a place in the window itself", (t) => {
    t.passive("win 500 <mss 1000>");
    t.write(500);
    t.close();
    t.play(`
      > P. 1:501(500) ack 1
      +0.1 < . 1:1(0) ack 501 win 0
      +0.3 > . 500:500(0) ack 1
      < . 1:1(0) ack 501 win 1
      > F. 501:501(0) ack 1`);
  });

  scripted("FIN is sent again like data", (t) => {
    t.passive();
    t.close();
    t.play(`
      0.1 > F. 1:1(0) ack 1
      0.4 > F. 1:1(0) ack 1
      1.0 > F. 1:1(0) ack 1
      2.2 > F. 1:1(0) ack 1
      2.3 < . 1:1(0) ack 2`);
    t.quiet(50, 4);
  });

  scripted("an orphan that nobody acknowledges goes after tcp_orphan_retries", (t) => {
    t.passive();
    t.close();
    t.skip(200);
    expect(connections(t)).toBe(0);
    t.quiet(200);
  });

  scripted("an orphan in FIN-WAIT-2 is given tcp_fin_timeout; then the port is closed", (t) => {
    t.passive();
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2`);
    // A small record is enough to wait for the peer's FIN
    t.quiet(59.999, 55);
    expect(connections(t) + timeWaits(t)).toBe(1);
    t.quiet(0.001, 14);
    expect(connections(t) + timeWaits(t)).toBe(0);
    t.play(`
      < F. 1:1(0) ack 2
      > R 2:2(0)`);
  });

  scripted("TCP_LINGER2 shortens that", (t) => {
    t.passive();
    t.set("TCP_LINGER2", 5);
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2`);
    t.quiet(5, 6);
    expect(connections(t)).toBe(0);
  });

  scripted("a socket still held stays in FIN-WAIT-2", (t) => {
    t.passive();
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2`);
    t.quiet(1000);
    t.state("FIN-WAIT-2");
  });

  scripted("close after shutdown in FIN-WAIT-2 starts the clock", (t) => {
    t.passive();
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2`);
    t.quiet(100);
    t.close();
    t.quiet(60, 69);
    expect(connections(t)).toBe(0);
  });
});

describe("the peer's FIN", () => {
  scripted("ahead of missing data waits for it", (t) => {
    t.passive();
    t.play(`
      < FP. 11:21(10) ack 1
      > . 1:1(0) ack 1`);
    t.state("ESTABLISHED");
    t.play(`
      < . 1:11(10) ack 1
      > . 1:1(0) ack 22`);
    t.state("CLOSE-WAIT");
    t.read(20);
    expect(t.tryRead(1)).toBe(0);
  });

  scripted("alone, ahead of missing data", (t) => {
    t.passive();
    t.play(`
      < F. 11:11(0) ack 1
      > . 1:1(0) ack 1
      < P. 1:11(10) ack 1
      > . 1:1(0) ack 12`);
    t.state("CLOSE-WAIT");
  });

  scripted("ahead of missing data is forgotten when data beyond it comes", (t) => {
    t.passive();
    t.play(`
      < F. 11:11(0) ack 1
      > . 1:1(0) ack 1
      < P. 1:31(30) ack 1
      > . 1:1(0) ack 31`);
    t.read(30);
    expect(t.tryRead(1)).toBe(-11);
  });

  scripted("sent again is acknowledged again, in every state", (t) => {
    t.passive();
    t.play(`
      < F. 1:1(0) ack 1
      > . 1:1(0) ack 2
      < F. 1:1(0) ack 1
      > . 1:1(0) ack 2`);
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 2
      < F. 1:1(0) ack 1
      > . 2:2(0) ack 2`);
    t.state("LAST-ACK");
  });

  scripted("with the SYN-ACK is left for the peer to send again", (t) => {
    t.connect();
    t.play(`
      > S 0:0(0)
      < SF. 0:0(0) ack 1 win 65535
      > . 1:1(0) ack 1`);
    t.state("ESTABLISHED");
  });

  scripted("in FIN-WAIT-2 with data", (t) => {
    t.passive();
    t.shutdown();
    t.play(`
      > F. 1:1(0) ack 1
      < . 1:1(0) ack 2
      < FP. 1:101(100) ack 2
      > . 2:2(0) ack 102`);
    t.read(100);
    expect([t.tryRead(1), timeWaits(t)]).toEqual([0, 1]);
  });

  scripted("beyond the window is taken with what it came with, where nothing waits to be read", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 2304 });
    t.play(`
      < FP. 1:2401(2400) ack 1
      +0.04 > . 1:1(0) ack 2402 win 0`);
    t.state("CLOSE-WAIT");
    t.read(2400);
    expect(t.tryRead(1)).toBe(0);
  });

  scripted("alone is taken even with the window shut", (t) => {
    t.passive("win 65535 <mss 1460>", { SO_RCVBUF: 2304 });
    t.play(`
      < P. 1:1461(1460) ack 1
      > . 1:1(0) ack 1461 win 0
      +0.1 < F. 1461:1461(0) ack 1
      +0.04 > . 1:1(0) ack 1462 win 0`);
    t.state("CLOSE-WAIT");
    t.read(1460);
    expect(t.tryRead(1)).toBe(0);
  });

  scripted("before accept: the socket comes in CLOSE-WAIT", (t) => {
    t.listen();
    t.handshake();
    t.play(`
      < FP. 1:11(10) ack 1
      +0.04 > . 1:1(0) ack 12`);
    t.accept();
    t.state("CLOSE-WAIT");
    t.read(10);
    t.close();
    t.play("> F. 1:1(0) ack 12");
  });
});

describe("TIME-WAIT (§3.6.1, §3.10.7.4)", () => {
  scripted("lasts 60 s", (t) => {
    closedByUs(t);
    t.quiet(59.999, 55);
    expect(timeWaits(t)).toBe(1);
    t.quiet(0.001, 14);
    expect(timeWaits(t)).toBe(0);
    t.play(`
      < F. 1:1(0) ack 2
      > R 2:2(0)`);
  });

  scripted("a FIN sent again is acknowledged and starts it anew", (t) => {
    closedByUs(t);
    t.quiet(50);
    t.play(`
      < F. 1:1(0) ack 2
      > . 2:2(0) ack 2`);
    t.quiet(59.999, 55);
    expect(timeWaits(t)).toBe(1);
    t.quiet(0.001, 14);
    expect(timeWaits(t)).toBe(0);
  });

  scripted("as does, with Linux, anything old that bears an ACK", (t) => {
    closedByUs(t);
    t.quiet(50);
    t.play(`
      < F. 5000:5000(0) ack 2
      > . 2:2(0) ack 2`);
    t.quiet(59.999, 55);
    expect(timeWaits(t)).toBe(1);
    t.quiet(0.001, 14);
    expect(timeWaits(t)).toBe(0);
  });

  scripted("old data and odd ACKs are answered, the right ACK is not", (t) => {
    closedByUs(t);
    t.play(`
      < . 2:2(0) ack 2
      < P. 1:11(10) ack 1
      > . 2:2(0) ack 2
      < . 500:500(0) ack 2
      > . 2:2(0) ack 2`);
  });

  scripted("odd ACKs are answered once in 500 ms, lest two ends in TIME-WAIT answer each other for ever", (t) => {
    closedByUs(t);
    t.play(`
      < . 500:500(0) ack 2
      > . 2:2(0) ack 2
      < . 500:500(0) ack 2
      +0.5 < . 500:500(0) ack 2
      > . 2:2(0) ack 2`);
  });

  scripted("RST at the exact number ends it, another does not", (t) => {
    closedByUs(t);
    t.play("< R 100:100(0)");
    expect(timeWaits(t)).toBe(1);
    t.play("< R 2:2(0)");
    expect(timeWaits(t)).toBe(0);
  });

  scripted("a new SYN above the old numbers takes over, with an ISN above ours", (t) => {
    closedByUs(t);
    const before = t.flow.iss as number;
    t.play(`
      < S 10000:10000(0) win 65535 <mss 1460>
      > S. 0:0(0) ack 10001`);
    expect(((t.flow.iss as number) - before) | 0).toBeGreaterThan(65536);
    expect(timeWaits(t)).toBe(0);
  });

  scripted("a SYN among the old numbers is answered with an ACK", (t) => {
    closedByUs(t);
    t.play(`
      < S 1:1(0) win 65535 <mss 1460>
      > . 2:2(0) ack 2
      +0.52 < S -100:-100(0) win 65535 <mss 1460>
      > . 2:2(0) ack 2`);
    expect(timeWaits(t)).toBe(1);
  });

  scripted("a new SYN where nobody listens any more leaves it", (t) => {
    t.active();
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < F. 1:1(0) ack 2
      > . 2:2(0) ack 2
      < S 10000:10000(0) win 65535
      > . 2:2(0) ack 2`);
    expect(timeWaits(t)).toBe(1);
  });

  scripted("holds the local port", (t) => {
    closedByUs(t);
    t.close(t.listener);
    const again = t.stack.socket("tcp");
    expect(() => again.bind(80)).toThrow(/EADDRINUSE/);
    again.close();
    t.quiet(60, 69);
    const later = t.stack.socket("tcp");
    later.bind(80);
    later.close();
  });

  scripted("bound to the port of a TIME-WAIT, connecting to the same peer is EADDRNOTAVAIL", (t) => {
    t.active(undefined, { SO_REUSEADDR: 1 });
    const { localPort } = t.socket;
    t.close();
    t.play(`
      > F. 1:1(0) ack 1
      < F. 1:1(0) ack 2
      > . 2:2(0) ack 2`);
    const again = t.stack.socket("tcp");
    again.setOption("SO_REUSEADDR", 1);
    again.bind(localPort);
    expect(() => again.connect(80, "10.0.0.1")).toThrow(/EADDRNOTAVAIL/);
    again.close();
  });

  scripted(
    "beyond tcp_max_tw_buckets connections close without",
    (t) => {
      closedByUs(t);
      expect(timeWaits(t)).toBe(0);
      t.play(`
      < F. 1:1(0) ack 2
      > R 2:2(0)`);
    },
    { config: { "net.ipv4.tcp_max_tw_buckets": 0 } },
  );
});

describe("what is left after close", () => {
  scripted("nothing: no timer, no chunk, no port, no tuple", (t) => {
    t.passive();
    t.write(5000);
    t.play(`
      > . 1:1461(1460) ack 1
      > p. 1461:2921(1460) ack 1
      > p. 2921:4381(1460) ack 1
      > P. 4381:5001(620) ack 1
      < P. 1:5001(5000) ack 5001
      > . 5001:5001(0) ack 5001`);
    t.read(5000);
    t.close();
    t.play(`
      > F. 5001:5001(0) ack 5001
      < F. 5001:5001(0) ack 5002
      > . 5002:5002(0) ack 5002`);
    t.close(t.listener);
    t.quiet(60, 69);
    const { context } = t.stack.tcp;
    expect([t.stack.pool.inUse, context.tuples.size, context.ports.size, t.clock.pendingTimers()]).toEqual([
      0, 0, 0, 0,
    ]);
    expect(context.ports.destinationCount).toBe(0);
  });
});
