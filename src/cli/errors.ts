import { SystemError } from "../base/errors.js";

/** Exit codes: done, failed, used wrongly. */
export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

/** A failure that a sentence explains; ends the command with `exitCode`. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(sentence: string, exitCode: number = EXIT_FAILURE) {
    super(sentence);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}

/** The command line makes no sense. */
export function usage(sentence: string): CliError {
  return new CliError(sentence, EXIT_USAGE);
}

/** The sentence of an error for a person. */
export function sentenceOf(error: unknown): string {
  if (error instanceof SystemError || error instanceof CliError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
