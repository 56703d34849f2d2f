/** What a host says under `bridge/types`: the types that it lists services of. */
import { WireError } from "../../platform/errors.ts";
import { messageFormat } from "./exchange-schema.ts";

const TYPES_MAX = 100;
const TYPE = /^_[a-z0-9_-]{1,62}\._(?:tcp|udp)$/;
const FORMAT = messageFormat<{ types: string[] }>("TypeList", 4096);

/** @param types further ones than 100 are left out */
export function encodeTypeList(types: readonly string[]): Uint8Array {
  return FORMAT.encode({ types: [...types].toSorted().slice(0, TYPES_MAX) });
}

/** @throws {WireError} */
export function decodeTypeList(bytes: Uint8Array): readonly string[] {
  const { types } = FORMAT.decode(bytes);
  if (types.length > TYPES_MAX) throw new WireError(`a list of ${types.length} types`);
  const wrong = types.find((type) => !TYPE.test(type));
  if (wrong !== undefined) throw new WireError("a list with what is no service type");
  return types;
}
