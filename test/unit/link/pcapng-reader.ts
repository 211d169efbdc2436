/** What the tests need to read back of a pcapng file: strict about every length, little endian only. */
export interface PcapngFile {
  application: string;
  linkType: number;
  snapLength: number;
  name: string;
  resolution: number;
  packets: { micros: number; direction: number; original: number; bytes: Uint8Array }[];
}

export function readPcapng(file: Uint8Array): PcapngFile {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const result: PcapngFile = { application: "", linkType: -1, snapLength: -1, name: "", resolution: -1, packets: [] };
  const text = new TextDecoder();
  for (let at = 0, index = 0; at < file.length; index++) {
    const type = view.getUint32(at, true);
    const size = view.getUint32(at + 4, true);
    if (size % 4 !== 0 || size < 12 || at + size > file.length) throw new Error(`block of ${size} bytes at ${at}`);
    if (view.getUint32(at + size - 4, true) !== size) throw new Error("the two lengths of a block differ");
    if ((type === 0x0a0d0d0a) !== (index === 0) || (type === 1) !== (index === 1)) throw new Error("block order");
    const end = at + size - 4;
    if (type === 0x0a0d0d0a) {
      if (view.getUint32(at + 8, true) !== 0x1a2b3c4d || view.getUint16(at + 12, true) !== 1) throw new Error("magic");
      result.application = text.decode(options(file, view, at + 24, end).get(4));
    } else if (type === 1) {
      result.linkType = view.getUint16(at + 8, true);
      result.snapLength = view.getUint32(at + 12, true);
      const found = options(file, view, at + 16, end);
      result.name = text.decode(found.get(2));
      result.resolution = found.get(9)?.[0] ?? -1;
    } else if (type === 6) {
      const captured = view.getUint32(at + 20, true);
      const flags = options(file, view, at + 28 + ((captured + 3) & ~3), end).get(2);
      result.packets.push({
        micros: view.getUint32(at + 12, true) * 0x1_0000_0000 + view.getUint32(at + 16, true),
        direction: (flags?.[0] ?? 0) & 3,
        original: view.getUint32(at + 24, true),
        bytes: new Uint8Array(file.slice(at + 28, at + 28 + captured)),
      });
    } else throw new Error(`block type ${type}`);
    at += size;
  }
  return result;
}

function options(file: Uint8Array, view: DataView, start: number, end: number): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>();
  for (let at = start; ; ) {
    const code = view.getUint16(at, true);
    const length = view.getUint16(at + 2, true);
    at += 4;
    if (code === 0) {
      if (length !== 0 || at !== end) throw new Error("the options end in the wrong place");
      return found;
    }
    found.set(code, file.slice(at, at + length));
    at += (length + 3) & ~3;
    if (at > end) throw new Error("an option passes the end of its block");
  }
}
