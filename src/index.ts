/** tapstack: a TCP/UDP/IPv4 stack of your own, in this process. */
export * from "./core.js";
export { openTap, type TapLink, type TapOptions } from "./link/tap/index.js";
