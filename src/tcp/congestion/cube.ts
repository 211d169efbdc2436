/** The largest integer whose cube is at most `a`, an integer from 0 below 2^53. */
export function cubeRoot(a: number): number {
  // Math.cbrt may be off by an ulp and differ between engines: the integers decide
  let x = Math.round(Math.cbrt(a));
  while (x * x * x > a) x--;
  while ((x + 1) * (x + 1) * (x + 1) <= a) x++;
  return x;
}

/** From here 410 * t^3 would pass 2^64, where the kernel's product wraps: 347 s off the plateau. */
const CUBE_LIMIT = 355_000;
const TWO20 = 1 << 20;

/** floor(410 * t^3 / 2^40): C * t^3 in segments for t in 1/1024 s, with C = 0.4 (RFC 9438 §5.1). */
export function cubicDelta(t: number): number {
  const time = t < CUBE_LIMIT ? t : CUBE_LIMIT;
  // The product passes 2^53 from 28 s on, so that it is made of two halves; each step is exact
  const square = time * time;
  const high = Math.floor(square / TWO20);
  const low = square - high * TWO20;
  const scaled = 410 * time;
  return Math.floor((high * scaled + Math.floor((low * scaled) / TWO20)) / TWO20);
}
