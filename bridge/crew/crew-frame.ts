/** What the hosts of a crew say to each other. */
import { EPOCH_MAX, type SlotWord } from "../../overlay/index.ts";
import { fromBase32, toBase32 } from "../../platform/base32.ts";
import { WireError } from "../../platform/errors.ts";
import { messageFormat } from "../exchange/exchange-schema.ts";

export const CREW_FRAME_BYTES_MAX = 256 * 1024;
/** Of either kind in one frame. */
export const CREW_ITEMS_MAX = 1024;
/** Another version may have more slots. */
const SLOTS_MAX = 64;
const ID_BYTES = 32;
const LABEL_BYTES_MAX = 63;

/** What the acting host shows on the link, for stand-bys to show the same. */
export interface ShownService {
  readonly originId: string;
  /** The name it got. */
  readonly instance: string;
  readonly port: number;
  readonly isGone: boolean;
}

export interface ExportedVersion {
  readonly originId: string;
  readonly version: bigint;
}

export interface CrewFrame {
  /** Counts up; 0 in a frame that is no beat. */
  readonly beat: number;
  /** Has multicast DNS, so that it may act. */
  readonly canAct: boolean;
  readonly shown: readonly ShownService[];
  readonly exported: readonly ExportedVersion[];
  /** What the sender says of each slot; none from a former version. */
  readonly words: readonly SlotWord[];
}

interface FrameMessage {
  beat: number;
  canAct: boolean;
  shown: { origin: Uint8Array; instance: string; port: number; isGone: boolean }[];
  exported: { origin: Uint8Array; version: bigint }[];
  slots: { epoch: bigint; toldEpoch: bigint; isHeld: boolean }[];
}

const FORMAT = messageFormat<FrameMessage>("CrewFrame", CREW_FRAME_BYTES_MAX);

export function encodeCrewFrame({ beat, canAct, shown, exported, words }: CrewFrame): Uint8Array {
  return FORMAT.encode({
    beat,
    canAct,
    shown: shown.map(({ originId, ...rest }) => ({ origin: fromBase32(originId), ...rest })),
    exported: exported.map(({ originId, version }) => ({ origin: fromBase32(originId), version })),
    slots: words.map(({ epoch, toldEpoch, isHeld }) => ({
      ...{ epoch: BigInt(epoch), toldEpoch: BigInt(toldEpoch), isHeld },
    })),
  });
}

/** @throws {WireError} */
export function decodeCrewFrame(bytes: Uint8Array): CrewFrame {
  const { beat, canAct, shown, exported, slots } = FORMAT.decode(bytes);
  if (shown.length > CREW_ITEMS_MAX || exported.length > CREW_ITEMS_MAX)
    throw new WireError(`a crew frame of more than ${CREW_ITEMS_MAX} services`);
  if (slots.length > SLOTS_MAX) throw new WireError(`a crew frame of ${slots.length} slots`);
  return {
    beat,
    canAct,
    shown: shown.map(({ origin, instance, port, isGone }) => {
      if (port > 65_535) throw new WireError(`port ${port}`);
      if (Buffer.byteLength(instance) > LABEL_BYTES_MAX)
        throw new WireError("a long instance name");
      return { originId: idText(origin), instance, port, isGone };
    }),
    exported: exported.map(({ origin, version }) => ({ originId: idText(origin), version })),
    words: slots.map(({ epoch, toldEpoch, isHeld }) => ({
      ...{ epoch: epochOf(epoch), toldEpoch: epochOf(toldEpoch), isHeld },
    })),
  };
}

function epochOf(value: bigint): number {
  if (value > BigInt(EPOCH_MAX)) throw new WireError(`epoch ${value}`);
  return Number(value);
}

function idText(bytes: Uint8Array): string {
  if (bytes.length !== ID_BYTES) throw new WireError(`an origin id of ${bytes.length} bytes`);
  return toBase32(bytes);
}
