/* Stands in for "vitest" where the runner loads test files: it collects scripts instead of running tests. */
import { GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, JestExtend, setState } from "@vitest/expect";
import * as chai from "chai";
import { collectDescribe, collectIt } from "./collector.js";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

const assert = ((value: unknown, message?: string) => chai.expect(value, message)) as unknown as Record<
  symbol,
  unknown
>;
Object.assign(assert, chai.expect);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: assert, configurable: true });
setState({ assertionCalls: 0 }, assert as never);

const ignore = (): void => {};
const nothing = Object.assign(ignore, { each: () => ignore });

export const describe = Object.assign(collectDescribe, { skip: nothing, skipIf: () => collectDescribe });
export const it = Object.assign(collectIt, { each: () => ignore, skip: nothing, skipIf: () => collectIt });
export const test = it;
export const expect = assert;
export const beforeAll = ignore;
export const afterAll = ignore;
export const beforeEach = ignore;
export const afterEach = ignore;
