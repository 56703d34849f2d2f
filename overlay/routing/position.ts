/** Places in the DHT's key space: SHA-256 of what is placed, compared by XOR (Kademlia §2.1). */
import { createHash } from "node:crypto";
import type { Position } from "./routing.ts";

export function positionOf(bytes: Uint8Array): Position {
  return createHash("sha256").update(bytes).digest();
}

/** Which of two positions is closer to a third; negative when it is `a`. */
export function compareDistance(target: Position, a: Position, b: Position): number {
  for (let i = 0; i < target.length; i++) {
    const difference = (a[i]! ^ target[i]!) - (b[i]! ^ target[i]!);
    if (difference !== 0) return difference;
  }
  return 0;
}
