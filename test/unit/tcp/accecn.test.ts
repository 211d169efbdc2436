import { describe, expect, it } from "vitest";
import { AccEcn, ECT_0, ECT_1 } from "../../../src/tcp/ecn/accecn.js";
import { countBytes } from "../../../src/tcp/ecn/accecn-feedback.js";

describe("byte counters of accurate ECN (RFC 9768 §3.2.3.3)", () => {
  it("are told once each time they pass 2^22", () => {
    const a = new AccEcn();
    countBytes(a, ECT_0, 2 ** 22 - 10);
    countBytes(a, ECT_1, 20);
    expect(a.demand).toBe(0);
    countBytes(a, ECT_0, 20);
    expect(a.demand).toBe(1);
    expect(a.receivedE0).toBe(2 ** 22 + 10);
  });

  it("wrap at 2^32", () => {
    const a = new AccEcn();
    for (let i = 0; i < 1025; i++) countBytes(a, ECT_0, 2 ** 22);
    expect(a.receivedE0 >>> 0).toBe(2 ** 22);
  });

  it("say how many fields of the option are news: ECT(1) stands first, ECT(0) last", () => {
    const a = new AccEcn();
    countBytes(a, ECT_1, 1);
    expect(a.leastFields).toBe(1);
    countBytes(a, ECT_0, 1);
    countBytes(a, ECT_1, 1);
    expect(a.leastFields).toBe(3);
  });
});
