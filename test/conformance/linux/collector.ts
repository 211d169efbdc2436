import { type Registered, SCRIPTS } from "../harness.js";

/** A script of a test file, found by the runner. */
export interface Found {
  file: string;
  /** Its describes and its own name. */
  name: string;
  registered: Registered;
}

/** Every script of the files that were loaded, in order. */
export const scripts: Found[] = [];

let file = "";
const path: string[] = [];

/** The file that is being loaded. */
export function begin(name: string): void {
  file = name;
}

/** What vitest's describe, it and expect are in the runner: see vitest-shim.ts. */
export function collectDescribe(name: string, body: () => void): void {
  path.push(name);
  body();
  path.pop();
}

/** Tests that are no scripts are left to vitest. */
export function collectIt(name: string, run: () => Promise<void>): void {
  const registered = SCRIPTS.get(run);
  if (registered !== undefined) scripts.push({ file, name: [...path, name].join(" > "), registered });
}
