import { closeSync, openSync, writeSync } from "node:fs";
import { CliError } from "./errors.js";

/** Bytes gathered before they are written at once. */
const BATCH = 256 << 10;

/**
 * A capture file. Writes block: the page cache takes them as fast as frames come, nothing is lost, and memory stays
 * bounded, which a stream over a slow disk could not promise.
 */
export class FileSink {
  private readonly path: string;
  private readonly onError: (sentence: string) => void;
  private fd: number;
  private parts: Uint8Array[] = [];
  private size = 0;
  private scheduled = false;

  /** Throws a CliError when the file cannot be written. @param onError is told, once, when writing fails later */
  constructor(path: string, onError: (sentence: string) => void) {
    this.path = path;
    this.onError = onError;
    try {
      this.fd = openSync(path, "w", 0o644);
    } catch (error) {
      throw new CliError(`cannot write the capture to ${path}: ${(error as Error).message}`);
    }
  }

  write(bytes: Uint8Array): void {
    if (this.fd < 0) return;
    this.parts.push(bytes);
    this.size += bytes.length;
    if (this.size >= BATCH) this.flush();
    else if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => this.flush());
    }
  }

  end(): void {
    this.flush();
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }

  private flush(): void {
    this.scheduled = false;
    if (this.fd < 0 || this.size === 0) return;
    const all = Buffer.concat(this.parts, this.size);
    this.parts = [];
    this.size = 0;
    try {
      for (let at = 0; at < all.length; ) at += writeSync(this.fd, all, at);
    } catch (error) {
      closeSync(this.fd);
      this.fd = -1;
      this.onError(`the capture in ${this.path} ends here: ${(error as Error).message}`);
    }
  }
}
