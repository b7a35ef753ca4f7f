import { CliProblem } from "./problem.ts";

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A moment in the past: "15m", "2h", "1d" before `now`, or an ISO 8601 time. Throws CliProblem. */
export function momentBefore(text: string, option: string, now: number): Date {
  const match = /^(\d{1,5})([smhd])$/.exec(text);
  const time = match ? now - Number(match[1]) * UNITS[match[2]!]! : Date.parse(text);
  if (Number.isNaN(time) || time > now) {
    throw new CliProblem(
      `--${option} cannot be "${text}".`,
      "It is an age such as 30s, 15m, 2h or 1d, or a past ISO 8601 time.",
    );
  }
  return new Date(time);
}

/** Milliseconds for people: "12 ms", "3.4 s", "12 min", "5 h". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}
