/** The time in the EXIF of a JPEG, in seconds. Its time zone is left out: only the order and the distances count. */

const FIRST_BYTES = 128 * 1024;
const MOST_ENTRIES = 200;
const EXIF_FOLDER = 0x8769;
const TAKEN = 0x9003;
const FRACTION = 0x9291;
const DATE = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)/;

/** @param {Blob} photo @returns {Promise<number | null>} */
export async function takenAt(photo) {
  try {
    return inJpeg(new DataView(await photo.slice(0, FIRST_BYTES).arrayBuffer()));
  } catch {
    return null; // cut off, or not a JPEG
  }
}

/** @param {DataView} data */
function inJpeg(data) {
  if (data.getUint16(0) !== 0xffd8) return null;
  for (let at = 2; data.getUint8(at) === 0xff; at += 2 + data.getUint16(at + 2)) {
    if (data.getUint16(at) === 0xffe1 && text(data, at + 4, 4) === "Exif") return inTiff(new DataView(data.buffer, at + 10));
    if (data.getUint16(at) === 0xffda) return null;
  }
  return null;
}

/** @param {DataView} tiff */
function inTiff(tiff) {
  const little = tiff.getUint16(0) === 0x4949;
  const folder = entry(tiff, tiff.getUint32(4, little), EXIF_FOLDER, little);
  if (folder === null) return null;
  const start = tiff.getUint32(folder + 8, little);
  const taken = entry(tiff, start, TAKEN, little);
  if (taken === null) return null;
  const found = DATE.exec(text(tiff, tiff.getUint32(taken + 8, little), 19));
  if (found === null) return null;
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number);
  const fraction = entry(tiff, start, FRACTION, little);
  const digits = fraction === null ? "" : text(tiff, fraction + 8, 3).replace(/\D.*$/s, "");
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 + Number(`0.${digits || "0"}`);
}

/** Where the entry of a tag begins; null if there is none. @param {DataView} tiff @param {number} start @param {number} tag @param {boolean} little */
function entry(tiff, start, tag, little) {
  const count = Math.min(tiff.getUint16(start, little), MOST_ENTRIES);
  for (let i = 0; i < count; i++) if (tiff.getUint16(start + 2 + 12 * i, little) === tag) return start + 2 + 12 * i;
  return null;
}

/** @param {DataView} data @param {number} at @param {number} length */
function text(data, at, length) {
  return String.fromCharCode(...Array.from({ length }, (_, i) => data.getUint8(at + i)));
}
