import { describe, expect, it } from "vitest";
import { CONGESTION_NAMES, congestionNamed } from "../../../../src/tcp/congestion/registry.js";
import { TCP_SETTINGS } from "../../../../src/tcp/settings-table.js";

describe("algorithms by name", () => {
  it("knows what the setting allows, and nothing else", () => {
    const setting = TCP_SETTINGS.find(({ name }) => name === "net.ipv4.tcp_congestion_control");
    const { choices } = setting as unknown as { choices: readonly string[] };
    for (const name of choices) expect(congestionNamed(name)?.name).toBe(name);
    expect(CONGESTION_NAMES.split(", ").sort()).toEqual([...choices].sort());
    expect(congestionNamed("vegas")).toBeNull();
  });
});
