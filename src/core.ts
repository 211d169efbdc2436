/** All of tapstack that needs no Node: a browser, Deno or a worker can import this as it is. */
export { Config, type Setting, type SettingValue } from "./base/config.js";
export * as errno from "./base/errors.js";
export { errnoName, errnoSentence, SystemError } from "./base/errors.js";
export { capture } from "./link/capture.js";
export { impair } from "./link/impair.js";
export * from "./link/link.js";
export { loopbackLink } from "./link/loopback.js";
export { memoryLinkPair } from "./link/memory.js";
export { streamLink } from "./link/stream.js";
export * from "./link/tx-queue.js";
export { type Clock, RealClock, type TimerHandle } from "./platform/clock.js";
export { type Random, SeededRandom, SystemRandom } from "./platform/random.js";
export { VirtualClock } from "./platform/virtual-clock.js";
export { SocketEndpoint } from "./socket/endpoint.js";
export type { SocketEntry } from "./socket/entries.js";
export * from "./socket/types.js";
export { type Attachment, type AttachOptions, createStack, SETTINGS, type Stack, type StackOptions } from "./stack.js";
