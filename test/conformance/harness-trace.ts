/** A line of what happened: when (in seconds), what the script wanted, what was seen. */
interface Entry {
  time: number;
  expected: string;
  seen: string;
  /** "": as expected, or nothing was; otherwise what is wrong. */
  wrong: string;
}

/** What a script has seen so far, as a table for people. */
export class Trace {
  private readonly entries: Entry[] = [];

  note(time: number, seen: string): void {
    this.entries.push({ time, expected: "", seen, wrong: "" });
  }

  compared(time: number, expected: string, seen: string, wrong: string): void {
    this.entries.push({ time, expected, seen, wrong });
  }

  /** By time: what was sent is noticed later than it was. */
  private sorted(): Entry[] {
    return [...this.entries].sort((a, b) => a.time - b.time);
  }

  /** The script's lines beside what was seen. */
  table(): string {
    const width = Math.min(72, Math.max(8, ...this.entries.map((e) => e.expected.length)));
    const head = `     seconds  ${"expected".padEnd(width)}  seen`;
    const rows = this.sorted().map((e) => {
      const mark = e.wrong !== "" ? "✗" : e.expected !== "" ? "✓" : " ";
      const wrong = e.wrong === "" ? "" : `   <- ${e.wrong}`;
      return `${mark} ${e.time.toFixed(6).padStart(10)}  ${e.expected.padEnd(width)}  ${e.seen}${wrong}`;
    });
    return [head, ...rows].join("\n");
  }

  /** What was seen in the notation of scripts, each line at the time since the one before. */
  script(): string {
    let last = 0;
    return this.sorted()
      .map(({ time, seen, expected, wrong }) => {
        const was = wrong === "" ? "" : `   # ${wrong}; the script has: ${expected}`;
        if (!/^[<>]/.test(seen)) return `# ${seen}${was}`;
        const text = `+${Math.max(0, time - last).toFixed(6)} ${seen}${was}`;
        last = time;
        return text;
      })
      .join("\n");
  }
}
