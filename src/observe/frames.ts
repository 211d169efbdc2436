/**
 * Frames of the control socket: a 4-byte big-endian length of what follows, one byte of kind, and a body: JSON text
 * or raw bytes.
 */
export const KIND_JSON = 0x4a;
export const KIND_DATA = 0x44;

/** Longest frame a reader accepts, in bytes. */
export const FRAME_LIMIT = 1 << 24;
const HEADER = 5;

export function encodeJson(message: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(message));
  return encode(KIND_JSON, text, text.length);
}

/** Copies `length` bytes of `body`, which may be reused at once. */
export function encodeData(body: Uint8Array, length: number): Buffer {
  return encode(KIND_DATA, body, length);
}

function encode(kind: number, body: Uint8Array, length: number): Buffer {
  const frame = Buffer.allocUnsafe(HEADER + length);
  frame.writeUInt32BE(length + 1, 0);
  frame[4] = kind;
  frame.set(length === body.length ? body : body.subarray(0, length), HEADER);
  return frame;
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);
  private readonly onFrame: (kind: number, body: Buffer) => void;

  constructor(onFrame: (kind: number, body: Buffer) => void) {
    this.onFrame = onFrame;
  }

  /** Throws a RangeError on what is no frame of ours. The bodies are views onto `chunk`. */
  push(chunk: Buffer): void {
    let rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    while (rest.length >= HEADER) {
      const length = rest.readUInt32BE(0);
      if (length < 1 || length > FRAME_LIMIT) throw new RangeError(`a control frame of ${length} bytes`);
      if (rest.length < 4 + length) break;
      const body = rest.subarray(HEADER, 4 + length);
      const kind = rest[4] as number;
      rest = rest.subarray(4 + length);
      this.onFrame(kind, body);
    }
    this.rest = rest;
  }
}
