// pack.json, the list of a pack's files, checked before anything of it is used. viewfix/pack/reader.py checks the same.

import { integerOf, listOf, objectOf, refuse, textOf } from "./checks.js";

export const FORMAT = 1;
const MOST_FILES = 100_000;
const MOST_BYTES = 2 ** 31 - 1;
const MOST_PART_BYTES = 2 ** 26;
const MOST_PHOTOS = 1_000_000;
const PATH = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;

/** @typedef {{path: string, file?: string, root?: boolean, kept?: boolean, bytes: number, download: number, sha256: string}} File */
/**
 * @typedef {{format: number, version: string, title: string, photos: number, files: File[],
 *   parts: Record<string, {bytes: number, part_bytes: number}>}} Manifest
 */

/** @param {any} value of pack.json, of this format @returns {Manifest} */
export function checkedManifest(value) {
  const manifest = objectOf(value, "pack.json");
  if (manifest.format !== FORMAT) refuse(`format is ${String(manifest.format).slice(0, 40)}`);
  if (!/^[0-9a-f]{16}$/.test(textOf(manifest.version, "version"))) refuse("version is not 16 hexadecimal digits");
  textOf(manifest.title, "title");
  integerOf(manifest.photos, "photos", 1, MOST_PHOTOS);
  const files = listOf(manifest.files, "files", null, MOST_FILES);
  for (const file of files) checkFile(file);
  const sizes = new Map(files.map(({ path, bytes }) => [path, bytes]));
  if (sizes.size !== files.length) refuse("a path is listed twice");
  for (const name of ["photos.bin", "points.json"]) if (!sizes.has(name)) refuse(`${name} is not listed in pack.json`);
  const parts = objectOf(manifest.parts ?? {}, "parts");
  for (const [name, about] of Object.entries(parts)) checkParts(name, about, sizes);
  return /** @type {Manifest} */ ({ ...manifest, parts });
}

/** @param {any} file */
function checkFile(file) {
  const path = textOf(objectOf(file, "an entry of files").path, "path", 200);
  if (!PATH.test(path)) refuse(`${JSON.stringify(path)} is not a path within the pack`);
  if (file.file !== undefined && file.file !== `${path}.lzma`) refuse(`the file of ${path} is not ${path}.lzma`);
  for (const name of ["root", "kept"]) {
    if (!["undefined", "boolean"].includes(typeof file[name])) refuse(`${name} of ${path} is not true or false`);
  }
  for (const name of ["bytes", "download"]) integerOf(file[name], `${name} of ${path}`, 0, MOST_BYTES);
  if (!/^[0-9a-f]{64}$/.test(textOf(file.sha256, `sha256 of ${path}`))) refuse(`sha256 of ${path} is not 64 hexadecimal digits`);
}

/** @param {string} name @param {any} about @param {Map<string, number>} sizes */
function checkParts(name, about, sizes) {
  if (!PATH.test(name)) refuse(`${JSON.stringify(name)} is not a path within the pack`);
  const whole = integerOf(objectOf(about, `parts of ${name}`).bytes, `bytes of ${name}`, 0, 2 ** 40);
  const part = integerOf(about.part_bytes, `part_bytes of ${name}`, 1, MOST_PART_BYTES);
  const count = Math.ceil(whole / part);
  if (count > MOST_FILES) refuse(`${name} has more than ${MOST_FILES} parts`);
  const listed = [...sizes.keys()].filter((path) => path.startsWith(`${name}.`));
  const isWhole = Array.from({ length: count }, (_, n) => sizes.get(partName(name, n)) === Math.min(part, whole - n * part)).every(Boolean);
  if (!isWhole || listed.length !== count) refuse(`the parts of ${name} are not those that its size needs`);
}

/** @param {string} name @param {number} number */
export const partName = (name, number) => `${name}.${String(number).padStart(4, "0")}`;
