/** Frames in user space: delay lines between interfaces, and tunnels. */
export { DelaySchedule, UNDELAYED, type DelaySettings } from "./delay-schedule.ts";
export { PacketsError, type PacketsErrorCode } from "./errors.ts";
export { DelayLines, type DelayCounters, type DelayLineOptions } from "./io/delay-lines.ts";
export { openTunnel } from "./io/tunnel.ts";
