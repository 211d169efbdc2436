import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import * as errors from "../../../src/base/errors.js";

const { errnoName, errnoSentence, SystemError } = errors;

describe("errno numbers", () => {
  const names = Object.keys(errors).filter((name) => /^E[A-Z]+$/.test(name));

  it.each(names)("%s is what the kernel calls it", (name) => {
    const errno = (errors as unknown as Record<string, number>)[name] as number;
    const kernel = (constants.errno as Record<string, number>)[name];
    // Node's own list leaves a few out.
    if (kernel !== undefined) expect(errno).toBe(kernel);
    expect([errnoName(errno), errnoName(-errno)]).toEqual([name, name]);
    expect(errnoSentence(errno)).not.toMatch(/^error /);
  });

  it("have a name and a sentence even where there is none", () => {
    expect([errnoName(999), errnoSentence(-999)]).toEqual(["E999", "error 999"]);
  });
});

describe("SystemError", () => {
  it("has Node's shape", () => {
    const error = new SystemError(errors.EADDRINUSE, "bind", { address: "10.0.0.1", port: 80 });
    expect(error).toMatchObject({ code: "EADDRINUSE", errno: -98, syscall: "bind", address: "10.0.0.1", port: 80 });
    expect(error.message).toBe("bind EADDRINUSE 10.0.0.1:80: address already in use");
    expect(error).toBeInstanceOf(Error);
  });

  it("takes the negated form, and a sentence in place of the general one", () => {
    const error = new SystemError(-errors.EINVAL, "attach", { sentence: "give an address" });
    expect([error.errno, error.message]).toEqual([-22, "attach EINVAL: give an address"]);
    expect(error.address).toBeUndefined();
  });
});
