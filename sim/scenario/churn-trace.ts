/** Traces of churn: who came and went when, as CSV. */
import { ConfigError } from "../../platform/errors.ts";
import type { TraceLine } from "../engine/script.ts";
import { TIME_MAX_S } from "./times.ts";

const LINE = /^(\d{1,9}(?:\.\d{1,9})?),(\d{1,9}),(up|down)$/;

/**
 * Reads lines `seconds,node,up` or `seconds,node,down`; empty ones and those after `#` are left out.
 *
 * @param nodesMax  how many nodes the scenario has
 * @returns lines in order of time
 * @throws {ConfigError} with the line that is wrong
 */
export function parseChurnTrace(
  content: string,
  file: string,
  nodesMax: number,
): readonly TraceLine[] {
  const lines: TraceLine[] = [];
  const present = new Set<number>();
  let beforeS = 0;
  let number = 0;
  for (const raw of content.split("\n")) {
    number++;
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const refuse = (problem: string): never => {
      throw new ConfigError(`${file}:${number}`, problem);
    };
    const match = LINE.exec(line.replaceAll(" ", ""));
    if (match === null)
      return refuse(
        `"${line.slice(0, 60)}" is not a line "seconds,node,up" or "seconds,node,down"`,
      );
    const timeS = Number(match[1]);
    const node = Number(match[2]);
    if (timeS > TIME_MAX_S) return refuse(`${timeS} s is over ${TIME_MAX_S} s`);
    if (timeS < beforeS) return refuse(`${timeS} s is before the line above, ${beforeS} s`);
    if (node >= nodesMax)
      return refuse(`node ${node} is not one of the scenario's ${nodesMax}, 0 to ${nodesMax - 1}`);
    const isUp = match[3] === "up";
    if (isUp === present.has(node))
      return refuse(`node ${node} is ${isUp ? "up" : "down"} already`);
    if (isUp) present.add(node);
    else present.delete(node);
    beforeS = timeS;
    lines.push({ timeS, node, isUp });
  }
  if (lines.length === 0) throw new ConfigError(file, 'holds no line "seconds,node,up"');
  return lines;
}
