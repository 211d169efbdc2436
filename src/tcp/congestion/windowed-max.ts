/**
 * The largest of the measurements in a sliding window of time, nearly: the best, and the best since that and since
 * that one, so that a successor is at hand when the best grows too old (Kathleen Nichols' algorithm). Values and times
 * are integers.
 */
export class WindowedMax {
  best = 0;
  private bestAt = 0;
  private second = 0;
  private secondAt = 0;
  private third = 0;
  private thirdAt = 0;

  reset(at: number, value: number): void {
    this.best = value;
    this.bestAt = at;
    this.second = value;
    this.secondAt = at;
    this.third = value;
    this.thirdAt = at;
  }

  add(window: number, at: number, value: number): void {
    if (value >= this.best || at - this.thirdAt > window) {
      this.reset(at, value);
      return;
    }
    if (value >= this.second) {
      this.second = value;
      this.secondAt = at;
      this.third = value;
      this.thirdAt = at;
    } else if (value >= this.third) {
      this.third = value;
      this.thirdAt = at;
    }
    this.age(window, at, value);
  }

  private age(window: number, at: number, value: number): void {
    const old = at - this.bestAt;
    if (old > window) {
      this.advance(at, value);
      // The successor may be as old
      if (at - this.bestAt > window) this.advance(at, value);
    } else if (this.secondAt === this.bestAt && old > window / 4) {
      // A quarter, then half of the window without a better one: successors come from what remains
      this.second = value;
      this.secondAt = at;
      this.third = value;
      this.thirdAt = at;
    } else if (this.thirdAt === this.secondAt && old > window / 2) {
      this.third = value;
      this.thirdAt = at;
    }
  }

  private advance(at: number, value: number): void {
    this.best = this.second;
    this.bestAt = this.secondAt;
    this.second = this.third;
    this.secondAt = this.thirdAt;
    this.third = value;
    this.thirdAt = at;
  }
}
