import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ENOENT, SystemError } from "../../base/errors.js";

/** What a user types to get an optional driver. */
const INSTALL: Readonly<Record<string, string>> = {
  // ffi-napi 4.0.3 does not compile against the headers of Node 18.20, 20.12 and later without this.
  "ffi-napi": "CXXFLAGS=-DNODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT npm install ffi-napi",
  tuntap2: "npm install tuntap2",
};

function refuse(name: string, reason: string): SystemError {
  const command = INSTALL[name] ?? `npm install ${name}`;
  const sentence = `the ${name} driver needs the package ${name}, which ${reason}; install it with: ${command}`;
  return new SystemError(ENOENT, "openTap", { sentence });
}

/**
 * Loads an optional driver's package: from `modulePath` (a folder that has `node_modules`) when one is given, else
 * from beside tapstack, else from the folder the program was started in. Throws a SystemError that says what to
 * install.
 */
export async function loadOptional(name: string, modulePath: string | null): Promise<unknown> {
  const places =
    modulePath === null ? [import.meta.url, join(process.cwd(), "index.js")] : [join(modulePath, "index.js")];
  for (const place of places) {
    let file: string;
    try {
      file = createRequire(place).resolve(name);
    } catch {
      continue;
    }
    try {
      return await import(pathToFileURL(file).href);
    } catch (error) {
      throw refuse(name, `was found at ${file} but does not load (${(error as Error).message.split("\n")[0]})`);
    }
  }
  throw refuse(name, modulePath === null ? "is not installed" : `is not installed in ${modulePath}`);
}

/** A CommonJS package's exports, however `import` wrapped them. */
export function exportOf<T>(module: unknown, name: string): T | undefined {
  const wrapped = module as Record<string, unknown> & { default?: Record<string, unknown> };
  return (wrapped[name] ?? wrapped.default?.[name]) as T | undefined;
}
