import { Lab, ethernet, ip, bytes } from "./lab.js";
const lab = new Lab(); 
const N = 1000; const base = lab.env.memory.reserve(N * 128);
for (let i = 0; i < N; i++) { const f = ethernet(ip(bytes(30), { protocol: 6, src: `10.77.${i>>8}.${(i & 255)|4}` })); lab.env.memory.u8.set(f, base + i*128 + 2); }
const rows = new Int32Array(4*N); for (let i = 0; i < N; i++) { rows[4*i]=base+i*128+2; rows[4*i+1]=64; }
const dv = lab.env.memory.dv, mh = lab.netif.macHigh, ml = lab.netif.macLow;
const dv2 = new DataView(new ArrayBuffer(lab.env.memory.size)); new Uint8Array(dv2.buffer).set(lab.env.memory.u8);
let acc = 0;
function run(dv: DataView, full: boolean) { let s = 0;
 for (let i = 0; i < N; i++) { const f = rows[4*i]!; const h = dv.getUint16(f); if (dv.getInt32(f+2) !== ml || h !== mh) continue; if ((dv.getInt32(f+10)&0xffff)!==0x800) continue;
  if (full) { const a=dv.getInt32(f+14),b=dv.getInt32(f+18),c=dv.getInt32(f+22),d=dv.getInt32(f+26),e=dv.getInt32(f+30);
  let sum=(a>>>16)+(a&0xffff)+(b>>>16)+(b&0xffff)+(c>>>16)+(c&0xffff)+(d>>>16)+(d&0xffff)+(e>>>16)+(e&0xffff); sum=(sum&0xffff)+(sum>>>16); if (((sum&0xffff)+(sum>>>16))!==0xffff) continue; s+=d; }
  s++; } return s|0; }
for (const [name, v, full] of [["wasm eth", dv, false],["wasm full", dv, true],["ab eth", dv2, false],["ab full", dv2, true]] as const)
for (let r = 0; r < 3; r++) { const t = process.hrtime.bigint(); for (let k = 0; k < 5000; k++) acc += run(v, full); const dt = Number(process.hrtime.bigint() - t); console.log(name, dt / (5000*N)); }
console.log(acc);
