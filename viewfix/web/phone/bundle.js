// Named arrays and a JSON object in one file, as viewfix/pack/bundle.py writes them; docs/spec/pack.md defines the form.

import { integerOf, listOf, objectOf, refuse, textOf } from "./checks.js";

/** @type {Record<string, any>} */
const KINDS = { int8: Int8Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, int32: Int32Array, float32: Float32Array };
const MAGIC = 0x504b4656; // "VFKP" as a little-endian number
const START = 8;
const ALIGNED = 8;
const MOST_ARRAYS = 100;

/**
 * @param {ArrayBuffer} buffer
 * @returns {{about: Record<string, any>, arrays: Record<string, any>}} `about` is the JSON that was written with them
 */
export function readBundle(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < START || view.getUint32(0, true) !== MAGIC) refuse("photos.bin does not begin with VFKP");
  const size = view.getUint32(4, true);
  if (START + size > buffer.byteLength) refuse("the header of photos.bin is longer than the file");
  const header = headerOf(new Uint8Array(buffer, START, size));
  /** @type {Record<string, any>} */
  const arrays = Object.create(null);
  let end = START + size;
  for (const each of listOf(header.arrays, "arrays", null, MOST_ARRAYS)) {
    const name = textOf(objectOf(each, "an array").name, "the name of an array", 100);
    const kind = textOf(each.kind, `kind of ${name}`, 100);
    if (!Object.hasOwn(KINDS, kind) || name in arrays) refuse(`the array ${name} is listed twice, or of the unknown kind ${kind}`);
    const length = integerOf(each.length, `length of ${name}`, 0, 2 ** 31 - 1);
    const offset = integerOf(each.offset, `offset of ${name}`, end, buffer.byteLength);
    end = offset + length * KINDS[kind].BYTES_PER_ELEMENT;
    if (offset % ALIGNED || end > buffer.byteLength) refuse(`the array ${name} is not aligned, or ends after the file`);
    arrays[name] = new KINDS[kind](buffer, offset, length);
  }
  return { about: objectOf(header.about, "about"), arrays };
}

/** @param {Uint8Array} bytes */
function headerOf(bytes) {
  try {
    return objectOf(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), "the header of photos.bin");
  } catch {
    return refuse("the header of photos.bin is not JSON");
  }
}
