import { chmodSync, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Where control sockets live: /run/tapstack for root, else the user's runtime directory, else one in /tmp. */
export function controlDirectory(): string {
  const uid = process.getuid?.() ?? 0;
  if (uid === 0) return "/run/tapstack";
  const runtime = process.env.XDG_RUNTIME_DIR;
  return runtime ? join(runtime, "tapstack") : `/tmp/tapstack-${uid}`;
}

export function controlPath(tap: string): string {
  return join(controlDirectory(), `${tap}.sock`);
}

/** Makes a directory that only its owner may enter, or checks that it is one. Throws an Error with a sentence. */
export function privateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const stat = lstatSync(path);
  const uid = process.getuid?.() ?? stat.uid;
  if (!stat.isDirectory() || stat.uid !== uid)
    throw new Error(`${path} is not a directory of this user's; give another place with --control`);
  if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o700);
}

/** The control sockets in the directory, live or not. */
export function controlSockets(): string[] {
  try {
    return readdirSync(controlDirectory())
      .filter((name) => name.endsWith(".sock"))
      .sort()
      .map((name) => join(controlDirectory(), name));
  } catch {
    return [];
  }
}
