/** Colours of a series, on a light and on a dark ground. */
export interface Colour {
  readonly light: string;
  readonly dark: string;
}

export type Shape = "circle" | "square" | "triangle" | "diamond";

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Coordinates to a tenth of a pixel. */
const px = (value: number): string => `${Math.round(value * 10) / 10}`;

/** A drawing whose text and colours follow the reader's light or dark scheme. */
export class Svg {
  private readonly title: string;
  private readonly width: number;
  private readonly height: number;
  private readonly colours: readonly Colour[];
  private readonly parts: string[] = [];

  constructor(title: string, width: number, height: number, colours: readonly Colour[]) {
    this.title = title;
    this.width = width;
    this.height = height;
    this.colours = colours;
  }

  line(x1: number, y1: number, x2: number, y2: number, style: string): void {
    this.parts.push(`<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" class="${style}"/>`);
  }

  path(points: readonly (readonly [number, number])[], style: string): void {
    const d = points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${px(x)} ${px(y)}`).join("");
    this.parts.push(`<path d="${d}" class="${style}"/>`);
  }

  /** @param anchor where in the text x stands */
  text(x: number, y: number, text: string, style = "", anchor: "start" | "middle" | "end" = "start"): void {
    const at = `x="${px(x)}" y="${px(y)}" text-anchor="${anchor}"`;
    this.parts.push(`<text ${at}${style === "" ? "" : ` class="${style}"`}>${escaped(text)}</text>`);
  }

  /** @param colour index of a colour */
  mark(x: number, y: number, shape: Shape, colour: number, title: string, r = 4): void {
    const style = `class="fill${colour}"`;
    const hint = `<title>${escaped(title)}</title>`;
    if (shape === "circle") {
      this.parts.push(`<circle cx="${px(x)}" cy="${px(y)}" r="${px(r)}" ${style}>${hint}</circle>`);
      return;
    }
    const points: Readonly<Record<Exclude<Shape, "circle">, readonly (readonly [number, number])[]>> = {
      square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]], // biome-ignore format: corners in a row
      triangle: [[0, -1.2], [1.1, 0.8], [-1.1, 0.8]], // biome-ignore format: corners in a row
      diamond: [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]], // biome-ignore format: corners in a row
    };
    const corners = points[shape].map(([dx, dy]) => `${px(x + dx * r)},${px(y + dy * r)}`).join(" ");
    this.parts.push(`<polygon points="${corners}" ${style}>${hint}</polygon>`);
  }

  toString(): string {
    const { title, width, height, colours, parts } = this;
    const scheme = (which: "light" | "dark"): string =>
      colours.map((c, i) => `.fill${i}{fill:${c[which]}}.line${i}{stroke:${c[which]}}`).join("");
    const style = [
      "text{font:12px system-ui,-apple-system,Segoe UI,Roboto,sans-serif;fill:#3d444d}",
      ".title{font-size:16px;font-weight:600;fill:#1f2328}.panel{font-size:13px;font-weight:600;fill:#1f2328}",
      ".small{font-size:11px}.ground{fill:#ffffff}",
      ".axis{stroke:#818b98;stroke-width:1}.grid{stroke:#e4e8ec;stroke-width:1}",
      "[class^=line]{fill:none;stroke-width:1.6;stroke-linejoin:round}[class^=fill]{stroke:none}",
      scheme("light"),
      "@media(prefers-color-scheme:dark){text{fill:#b7bdc8}.title,.panel{fill:#f0f6fc}.ground{fill:#0d1117}",
      ".axis{stroke:#6e7681}.grid{stroke:#262c36}",
      scheme("dark"),
      "}",
    ].join("\n");
    const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
    const ground = `<rect width="${width}" height="${height}" rx="6" class="ground"/>`;
    const open = `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${escaped(title)}" ${size}>`;
    return `${open}\n<title>${escaped(title)}</title>\n<style>\n${style}\n</style>\n${ground}\n${parts.join("\n")}\n</svg>\n`;
  }
}
