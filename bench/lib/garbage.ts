import { PerformanceObserver } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

/** Counts garbage collections of this process. */
export class GcWatch {
  /** Collections seen so far; entries arrive by the event loop, so {@link settle} first. */
  count = 0;
  private readonly observer: PerformanceObserver;

  constructor() {
    this.observer = new PerformanceObserver((list) => {
      this.count += list.getEntries().length;
    });
    this.observer.observe({ entryTypes: ["gc"] });
  }

  /** Lets what happened so far be counted. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Bytes of JavaScript objects, garbage included. */
export function heapBytes(): number {
  return getHeapStatistics().used_heap_size;
}

/** Collects everything, so that what follows begins with empty spaces. */
export function collect(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("run node with --expose-gc");
  gc();
  gc();
}
