// Upright RGB pixels of a photo or of a frame of the camera, equal to those of the core's decoder.

import { draftScale, drafted, withoutAlpha } from "./pixels.js";

/** @typedef {import("./pixels.js").Picture} Picture */

const STRIP_PX = 256;
const MOST_PIXELS = 50_000_000; // the browser reduces larger ones: a phone can spare 200 MB of RGBA
const HEAD_BYTES = 1 << 18; // enough for most headers; a longer one is read further

/**
 * @param {Blob | ImageBitmap} photo
 * @param {number} least the most pixels that the shorter side ever needs
 * @returns {Promise<Picture>}
 * @throws {Error} if the browser cannot decode it
 */
export async function pixelsOf(photo, least) {
  if (!(photo instanceof Blob)) return whole(photo);
  const head = await headOf(photo);
  const bitmap = await createImageBitmap(photo, { colorSpaceConversion: "none", ...(await shrunk(head)) });
  try {
    const { width, height } = bitmap;
    // By the sides in the file: EXIF may turn the picture, and the browser may have reduced it.
    const scale = head && width * height === head.width * head.height ? draftScale(head.width, head.height, least) : 1;
    if (scale === 1) return whole(bitmap);
    return drafted(stripsOf(bitmap), width, height, scale, mirroredBy(head?.orientation ?? 1));
  } finally {
    bitmap.close();
  }
}

/** The header of a JPEG, however much stands before its size; null for anything else. @param {Blob} photo */
async function headOf(photo) {
  for (let length = HEAD_BYTES; ; length *= 4) {
    const head = jpegHeader(new Uint8Array(await photo.slice(0, length).arrayBuffer()));
    if (head !== undefined || length >= photo.size) return head ?? null;
  }
}

/** @param {{width: number, height: number, orientation: number} | null} head */
async function shrunk(head) {
  if (!head || head.width * head.height <= MOST_PIXELS) return {};
  const width = head.orientation >= 5 ? head.height : head.width;
  const part = Math.sqrt(MOST_PIXELS / (head.width * head.height));
  return { resizeWidth: Math.round(width * part), resizeQuality: /** @type {const} */ ("high") };
}

/** A white canvas, which shows where a picture is transparent, as in the core. */
function paper(/** @type {number} */ width, /** @type {number} */ height) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser offers no canvas");
  context.fillStyle = "white";
  return context;
}

/** @param {ImageBitmap} bitmap @returns {Picture} */
function whole(bitmap) {
  const { width, height } = bitmap;
  const context = paper(width, height);
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  return { width, height, data: withoutAlpha(context.getImageData(0, 0, width, height).data) };
}

/** A reader of rows that holds one strip at a time: a small phone has no room for the whole of a large photo. */
function stripsOf(/** @type {ImageBitmap} */ bitmap) {
  const { width, height } = bitmap;
  const context = paper(width, STRIP_PX);
  let [held, rows] = [-1, new Uint8ClampedArray()];
  return (/** @type {number} */ top, /** @type {number} */ count) => {
    if (held < 0 || top < held || top + count > held + STRIP_PX) {
      // A block of eight that a strip would cut begins the next strip, or ends it if rows are read from below.
      held = top < held ? Math.max(0, top + count - STRIP_PX) : top;
      context.fillRect(0, 0, width, STRIP_PX);
      context.drawImage(bitmap, 0, -held);
      rows = context.getImageData(0, 0, width, Math.min(STRIP_PX, height - held)).data;
    }
    return rows.subarray((top - held) * width * 4, (top - held + count) * width * 4);
  };
}

/** Whether EXIF's orientation turned the right side of the file to the left, and its lower side to the top. */
export function mirroredBy(/** @type {number} */ orientation) {
  return { x: [2, 3, 6, 7].includes(orientation), y: [3, 4, 7, 8].includes(orientation) };
}

/**
 * The sides of a JPEG as stored, and its EXIF orientation (1 if there is none).
 * @param {Uint8Array} bytes its beginning
 * @returns {{width: number, height: number, orientation: number} | null | undefined} null if it is not a JPEG, undefined
 *   if the bytes end before its size
 */
export function jpegHeader(bytes) {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation = 1;
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    const size = view.getUint16(at + 2);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5), orientation };
    }
    if (marker === 0xe1) orientation = exifOrientation(view, at + 4, at + 2 + size) ?? orientation;
    at += 2 + size;
  }
  return undefined;
}

/** @param {DataView} view @param {number} from @param {number} end */
function exifOrientation(view, from, end) {
  end = Math.min(end, view.byteLength);
  if (from + 14 > end || view.getUint32(from) !== 0x45786966) return null; // "Exif"
  const base = from + 6;
  const little = view.getUint16(base) === 0x4949;
  const table = base + view.getUint32(base + 4, little);
  if (table + 2 > end) return null;
  const count = view.getUint16(table, little);
  for (let entry = table + 2; entry < table + 2 + 12 * count && entry + 12 <= end; entry += 12) {
    if (view.getUint16(entry, little) !== 0x0112) continue;
    const value = view.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : null;
  }
  return null;
}
