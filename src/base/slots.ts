/** Objects under small integer names that are used again: what a table of integers can point to. */
export class Slots<T> {
  private readonly items: (T | null)[] = [];
  private readonly free: number[] = [];
  /** Objects held. */
  count = 0;

  add(item: T): number {
    this.count++;
    const index = this.free.pop();
    if (index === undefined) return this.items.push(item) - 1;
    this.items[index] = item;
    return index;
  }

  get(index: number): T {
    return this.items[index] as T;
  }

  remove(index: number): void {
    this.items[index] = null;
    this.free.push(index);
    this.count--;
  }

  /** Calls `fn` with each object; those added meanwhile may be left out. */
  forEach(fn: (item: T) => void): void {
    for (const item of this.items) if (item !== null && item !== undefined) fn(item);
  }
}
