// Gives up root, then opens TAPs: `driver-plain-user.ts DEVICE`. One JSON line a try: what it got, or the error.
import { openTap, type TapOptions } from "../../../src/link/tap/index.js";

const NOBODY = 65534;
const [device] = process.argv.slice(2) as [string];
const tries: readonly TapOptions[] = [
  { name: "mine0" },
  { name: "mine0", address: "10.77.0.1/24", mtu: 1500 },
  { name: "mine0", mtu: 1400 },
  { name: "mine0", address: "10.99.0.1/24" },
  { name: "theirs0" },
  { name: "new0" },
  { name: "off0" },
  { name: "mine0", device: "/nowhere/tun" },
];

async function main(): Promise<void> {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
  for (const options of tries) {
    try {
      const link = await openTap({ device, ...options });
      console.log(JSON.stringify({ created: link.created, hostAddress: link.hostAddress, mtu: link.mtu }));
      await link.close();
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      console.log(JSON.stringify({ code, message }));
    }
  }
}

main();
