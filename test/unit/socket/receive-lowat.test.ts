import { describe, expect, it } from "vitest";
import { READABLE } from "../../../src/socket/types.js";
import { Script } from "../../conformance/harness.js";

describe("onReady with SO_RCVLOWAT", () => {
  it("is called once there is enough to read, and when the option is lowered to what there is", async () => {
    const t = await Script.create();
    t.passive();
    const told: boolean[] = [];
    t.socket.onReady = (_, mask) => told.push((mask & READABLE) !== 0);
    t.skip(0.01);
    told.length = 0;
    t.set("SO_RCVLOWAT", 200);
    t.play("+0.01 < P. 1:101(100) ack 1");
    t.skip(0.1);
    t.play("+0.01 < P. 101:150(49) ack 1");
    t.skip(0.1);
    expect(told).toEqual([]);
    t.play("+0.01 < P. 150:201(51) ack 1");
    t.skip(0.1);
    expect(told).toEqual([true]);
    t.read(199);
    t.play("+0.01 < P. 201:202(1) ack 1");
    t.skip(0.1);
    expect(told).toEqual([true]);
    t.set("SO_RCVLOWAT", 2);
    t.skip(0.1);
    expect(told).toEqual([true, true]);
    await t.subject.close();
  });
});
