/** Every message of `peer.proto`, by its exported codec: a new one is a target by itself. */
import type { Codec } from "../../../overlay/schema/codec.ts";
import * as messages from "../../../overlay/schema/messages.ts";
import { SAMPLES } from "../../overlay/schema/samples.ts";
import { checkRoundTrip, type FuzzTarget } from "../engine/target.ts";

const SUFFIX = "Codec";
/** protobufjs, and the decoders that it makes at run time, which have no URL. */
export const PROTOBUF_CODE = /^$|\/node_modules\/protobufjs\/(?!.*\b(?:parse|tokenize|writer))/;
const BYTES_MAX = 16 * 1024;

const codecs = Object.entries(messages).filter(([name]) => name.endsWith(SUFFIX)) as [
  string,
  Codec<object>,
][];

export const MESSAGE_TARGETS: readonly FuzzTarget[] = codecs.map(([exported, codec]) => {
  const name = exported.slice(0, -SUFFIX.length);
  const samples = SAMPLES.filter((sample) => sample.name === name);
  return {
    name: `message${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    covers: [`overlay/schema/messages.ts ${exported}`],
    format: "protobuf",
    bytesMax: BYTES_MAX,
    dictionary: [],
    counts: PROTOBUF_CODE,
    seeds: () => samples.map(({ message }) => codec.encode(message)),
    run: (bytes) => checkRoundTrip(codec.decode(bytes), codec.encode, codec.decode),
  };
});
