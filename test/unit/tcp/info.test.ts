import { describe, expect, it } from "vitest";
import { CHRONO_BUSY, CHRONO_RWND, chronoStart } from "../../../src/tcp/chrono.js";
import type { Connection } from "../../../src/tcp/connection.js";
import { ECN_OK, ECN_SEEN, ESTABLISHED, LISTEN, SYN_SENT } from "../../../src/tcp/constants.js";
import { connectionInfo, listenerInfo, notSent } from "../../../src/tcp/info.js";
import type { Listener } from "../../../src/tcp/opening/listen.js";
import { bareConnection } from "./pieces.js";

function established(): Connection {
  const { c } = bareConnection();
  c.state = ESTABLISHED;
  c.iss = 99;
  c.sndUna = 100;
  c.sndNxt = 100;
  c.writeSeq = 100;
  c.irs = 4999;
  c.rcvNxt = 5000;
  c.rcvAdv = 15000;
  return c;
}

describe("info() has the formulas of tcp_get_info()", () => {
  it.each([
    ["nothing agreed", {}, 0],
    ["timestamps", { tsOk: true }, 1],
    ["SACK", { sackOk: true }, 2],
    ["window scaling, though by 0", { scaleOffer: 0 }, 4],
    ["ECN", { ecn: ECN_OK }, 8],
    ["ECN that was seen to work", { ecn: ECN_OK | ECN_SEEN }, 24],
    ["data in the SYN", { synDataAcked: true }, 32],
  ])("options: %s", (_what, fields, options) => {
    expect(connectionInfo(Object.assign(established(), fields)).options).toBe(options);
  });

  it("a window scale is told once the peer has agreed", () => {
    const c = bareConnection().c;
    c.state = SYN_SENT;
    c.scaleOffer = 7;
    expect(connectionInfo(c)).toMatchObject({ options: 0, snd_wscale: 0, rcv_wscale: 0 });
    const d = Object.assign(established(), { scaleOffer: 7, sndWscale: 9, rcvWscale: 7 });
    expect(connectionInfo(d)).toMatchObject({ options: 4, snd_wscale: 9, rcv_wscale: 7 });
  });

  it("times are in microseconds, those since the last segment in milliseconds", () => {
    const c = Object.assign(established(), { rto: 204, ato: 40, srtt: 8 * 1200, mdev: 4 * 600, minRtt: 900 });
    c.lastSend = -5;
    c.lastReceive = -6;
    c.lastAck = -7;
    c.totalRto = 2;
    c.totalRtoTime = 100;
    c.rtoStamp = -50;
    expect(connectionInfo(c)).toMatchObject({
      rto: 204000,
      ato: 40000,
      rtt: 1200,
      rttvar: 600,
      min_rtt: 900,
      last_data_sent: 5,
      last_data_recv: 6,
      last_ack_recv: 7,
      total_rto: 2,
      total_rto_time: 150,
    });
  });

  it("the delay of ACKs is told up to 200 ms, and a missing round trip as the kernel does", () => {
    const c = Object.assign(established(), { ato: 5000 });
    expect(connectionInfo(c)).toMatchObject({ ato: 200000, rtt: 0, min_rtt: 4294967295 });
  });

  it("pacing without a rate is 2^64 - 1, as near as a number comes", () => {
    expect(connectionInfo(established()).pacing_rate).toBe(2 ** 64);
    expect(connectionInfo(Object.assign(established(), { pacingRate: 5000 })).pacing_rate).toBe(5000);
  });

  it("the delivery rate is the sample's segments over its time", () => {
    const c = Object.assign(established(), { rateDelivered: 10, rateInterval: 2000, mss: 1000, rateAppLimited: true });
    expect(connectionInfo(c)).toMatchObject({ delivery_rate: 5_000_000, delivery_rate_app_limited: 1 });
  });

  it("busy time contains what limited it", () => {
    const c = established();
    c.packetsOut = 1;
    chronoStart(c, CHRONO_BUSY);
    c.tcp.time.ms += 10;
    chronoStart(c, CHRONO_RWND);
    c.tcp.time.ms += 30;
    expect(connectionInfo(c)).toMatchObject({ busy_time: 40000, rwnd_limited: 30000, sndbuf_limited: 0 });
  });

  it("segments are counted as the sender counts them", () => {
    const c = Object.assign(established(), { packetsOut: 9, sackedOut: 3, lostOut: 2, retransOut: 1, cwnd: 20 });
    Object.assign(c, { ssthresh: 15, reordering: 5, reordSeen: 1, totalRetransmits: 6 });
    expect(connectionInfo(c)).toMatchObject({
      unacked: 9,
      sacked: 3,
      lost: 2,
      retrans: 1,
      fackets: 0,
      snd_cwnd: 20,
      snd_ssthresh: 15,
      reordering: 5,
      reord_seen: 1,
      total_retrans: 6,
    });
  });

  it("the receive window is what the last ACK offered", () => {
    const c = established();
    c.rcvAcked = c.rcvNxt;
    expect(connectionInfo(c).rcv_wnd).toBe(10000);
    c.rcvNxt = 15001;
    expect(connectionInfo(c).rcv_wnd).toBe(10000);
    c.rcvAcked = 15001;
    expect(connectionInfo(c).rcv_wnd).toBe(c.rcvAdv - 15001);
  });

  it("an algorithm adds what it knows, once it has begun", () => {
    const c = established();
    const info = (): Record<string, number> => ({ bbr_bw: 7 });
    c.congestion = { ...c.congestion, info };
    expect(connectionInfo(c)).not.toHaveProperty("bbr_bw");
    c.ca = { algorithm: "bbr" };
    expect(connectionInfo(c).bbr_bw).toBe(7);
  });
});

describe("what was not sent yet", () => {
  it.each([
    ["nothing", {}, 0],
    ["queued", { writeSeq: 600 }, 500],
    ["in part in flight", { writeSeq: 600, sndNxt: 300 }, 300],
    ["a FIN behind it", { writeSeq: 600, sndNxt: 300, finQueued: true }, 301],
    ["a FIN that was sent", { writeSeq: 600, sndNxt: 601, finQueued: true, finSent: true }, 0],
    ["a FIN that was acknowledged", { writeSeq: 600, sndUna: 601, sndNxt: 601, finQueued: true, finSent: true }, 0],
    ["behind a SYN in flight", { state: SYN_SENT, sndUna: 99, sndNxt: 100, writeSeq: 140 }, 40],
  ])("%s", (_what, fields, bytes) => {
    expect(notSent(Object.assign(established(), fields))).toBe(bytes);
  });
});

it("a listener tells its queue and backlog, and zeros", () => {
  const template = bareConnection().c;
  const info = listenerInfo({ template, queue: [template], backlog: 5 } as unknown as Listener);
  expect(info).toMatchObject({ state: LISTEN, unacked: 1, sacked: 5, snd_cwnd: 10, reordering: 3 });
  expect(info).toMatchObject({ rto: 0, snd_mss: 0, snd_ssthresh: 0, min_rtt: 0 });
});
