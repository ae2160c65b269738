// The bytes of photos.bin go in; named arrays come out. Written by viewfix/pack/bundle.py.

/** @type {Record<string, any>} */
const KINDS = { int8: Int8Array, uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, int32: Int32Array, float32: Float32Array };

const MAGIC = 0x504b4656; // "VFKP" as a little-endian number
const START = 8;

/**
 * @param {ArrayBuffer} buffer
 * @returns {{about: any, arrays: Record<string, any>}} `about` is whatever JSON was written with them
 */
export function readBundle(buffer) {
  const view = new DataView(buffer);
  if (view.getUint32(0, true) !== MAGIC) throw new Error("the map of this pack cannot be read");
  const size = view.getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, START, size)));
  /** @type {Record<string, any>} */
  const arrays = {};
  for (const { name, kind, length, offset } of header.arrays) arrays[name] = new KINDS[kind](buffer, offset, length);
  return { about: header.about, arrays };
}
