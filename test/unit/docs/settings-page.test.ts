import { expect, it } from "vitest";
import { SETTINGS } from "../../../src/stack.js";
import { settingsPage } from "./settings-page.js";

it("docs/settings.md says what the tables say", async () => {
  await expect(settingsPage(SETTINGS)).toMatchFileSnapshot("../../../docs/settings.md");
});

it("has a line for every setting, with its range", () => {
  const page = settingsPage(SETTINGS);
  for (const { name } of SETTINGS) expect(page).toContain(`| \`${name}\` |`);
  expect(page).toContain("| `net.ipv4.tcp_retries2` | 15 | 0 to 255 |");
  expect(page).toContain("| `net.ipv4.tcp_congestion_control` | cubic | cubic, reno, bbr |");
});
