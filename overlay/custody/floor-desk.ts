/** What hosts of a subnet tell each other, and others, of the newest version known of a record. */
import type { Clock } from "../../platform/clock.ts";
import type { DurableRecords } from "../records/durable-records.ts";
import { newestFloors, toFloor } from "../records/floor-answer.ts";
import { FloorsRequestCodec, FloorsResponseCodec, type Floor } from "../schema/messages.ts";
import { CALL } from "../schema/methods.ts";
import type { Siblings } from "../peers/siblings.ts";

const ASK_TIMEOUT_MS = 4_000;

export interface FloorDeskParts {
  readonly records: DurableRecords;
  readonly siblings: Siblings;
  readonly clock: Clock;
}

export class FloorDesk {
  readonly #parts: FloorDeskParts;

  constructor(parts: FloorDeskParts) {
    this.#parts = parts;
  }

  /** The newest version that this host knows of each slot, kept or gone. */
  own(slotIds: readonly string[]): Floor[] {
    const { records, clock } = this.#parts;
    return slotIds.map((slotId) => toFloor(records.store, slotId, clock.monotonicMs()));
  }

  /** The newest that this host and all its siblings know. @throws when one does not answer */
  async ofSubnet(slotIds: readonly string[]): Promise<Floor[]> {
    const hosts = this.#parts.siblings.channels().map(({ hostId }) => hostId);
    const others = await Promise.all(hosts.map((host) => this.ask(host, slotIds)));
    return newestFloors([this.own(slotIds), ...others]);
  }

  /** What a sibling knows. @throws {OverlayError} or {WireError} when it does not answer */
  async ask(host: string, slotIds: readonly string[]): Promise<Floor[]> {
    const slots = slotIds.map((slotId) => Buffer.from(slotId, "base64url"));
    const body = FloorsRequestCodec.encode({ slots, isInside: true });
    const answer = await this.#parts.siblings.call(host, CALL.floors, body, ASK_TIMEOUT_MS);
    return FloorsResponseCodec.decode(answer).floors;
  }
}
