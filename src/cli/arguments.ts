import { lookup } from "node:dns/promises";
import { type Command, InvalidArgumentError } from "commander";
import { parseAddr } from "../wire/address.js";
import { CliError } from "./errors.js";

/** What every command that talks to a running stack takes. */
export interface StackOptions {
  readonly control?: string;
  readonly tap?: string;
}

/** Adds `--control` and `--tap`. */
export function withStackOptions(command: Command): Command {
  return command
    .option("--control <path>", "control socket of the running stack")
    .option("--tap <name>", "which stack, by its TAP, when several run");
}

/** Makes a parser of whole numbers in a range, for commander. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** Makes a parser of decimal numbers in a range, for commander. */
export function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d*\.?\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`Give a number from ${min} to ${max}.`);
    return value;
  };
}

/** Collects a repeated option. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** An IPv4 address as text, of an address or of a name that the host's resolver knows. */
export async function resolveHost(host: string): Promise<string> {
  if (parseAddr(host) !== null) return host;
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch {
    throw new CliError(`${host}: this name has no IPv4 address that the host's resolver knows`);
  }
}
