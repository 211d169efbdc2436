// npm run wasm: compiles src/base/memory.wat into src/base/memory-wasm.ts.
import { readFileSync, writeFileSync } from "node:fs";
import wabt from "wabt";

const source = new URL("../src/base/memory.wat", import.meta.url);
const target = new URL("../src/base/memory-wasm.ts", import.meta.url);
const module = (await wabt()).parseWat("memory.wat", readFileSync(source, "utf8"), { simd: true, bulk_memory: true });
const { buffer } = module.toBinary({});
writeFileSync(
  target,
  `/** src/base/memory.wat, compiled by \`npm run wasm\`; base64. */
export const MEMORY_WASM =
  "${Buffer.from(buffer).toString("base64")}";
`,
);
