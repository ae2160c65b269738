// Install a version of a pack: all of it, or nothing.
//
// Every file is checked by its SHA-256 before it is kept. A download that stopped goes on where it was, and files that the
// version in use has already are copied from there. The pointer moves only when nothing is missing.

import { PackError } from "./checks.js";
import { FORMAT, checkedManifest } from "./manifest.js";
import { ROOT, cacheOf, clearOthers, currentVersion, keyOf, useVersion } from "./stored.js";

const AT_ONCE = 4;
const MARK = "X-Viewfix-Sha256";
const KINDS = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  json: "application/json",
  webmanifest: "application/manifest+json",
  wasm: "application/wasm",
  png: "image/png",
  txt: "text/plain; charset=utf-8",
};

/** @typedef {import("./manifest.js").File} File */
/** @typedef {import("./manifest.js").Manifest} Manifest */

/** What went wrong, by the end of a key of the words: "broken" (a checksum), "network", "room" or "newer". */
export class InstallError extends Error {
  /** @param {"broken" | "network" | "room" | "newer"} kind @param {string} detail */
  constructor(kind, detail) {
    super(detail);
    this.kind = kind;
  }
}

/** The manifest of the version that the server offers now. @returns {Promise<Manifest>} */
export async function offered() {
  const response = await asked("pack.json", String(Date.now()));
  let value;
  try {
    value = await response.json();
  } catch {
    throw new InstallError("broken", "pack.json is not JSON");
  }
  if (Number.isInteger(value?.format) && value.format > FORMAT) throw new InstallError("newer", `pack.json has format ${value.format}`);
  try {
    return checkedManifest(value);
  } catch (error) {
    throw error instanceof PackError ? new InstallError("broken", error.message) : error;
  }
}

/**
 * Install a version, and use it from the next start on.
 * @param {Manifest} pack
 * @param {(done: number, total: number) => void} [tell] bytes
 */
export async function install(pack, tell = () => {}) {
  await navigator.locks.request(`${cacheOf("")}installing`, async () => {
    const before = await currentVersion();
    await clearOthers([before, pack.version]); // such as half of a version that is no longer offered
    const cache = await caches.open(cacheOf(pack.version));
    const files = pack.files.filter((file) => file.kept !== false);
    const total = files.reduce((sum, file) => sum + file.download, 0);
    const packer = new Unpacker();
    let done = 0;
    const came = (/** @type {number} */ bytes) => tell((done += bytes), total);
    try {
      const old = before ? await caches.open(cacheOf(before)) : null;
      await several(files, async (file) => {
        if ((await has(cache, file)) || (await copied(old, cache, file))) came(file.download);
        else await fetched(pack, cache, file, packer, came);
      });
      await cache.put(keyOf("pack.json"), new Response(JSON.stringify(pack)));
      for (const file of files) if (!(await has(cache, file))) throw new InstallError("room", `${file.path} was not kept`);
      await useVersion(pack.version);
    } finally {
      packer.close();
    }
  });
}

/**
 * Handle files, some at once. After a failure, wait for those that were begun, so that nothing goes on in the background.
 * @param {File[]} files @param {(file: File) => Promise<void>} handle
 */
async function several(files, handle) {
  const waiting = [...files];
  const work = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      try {
        await handle(file);
      } catch (error) {
        waiting.length = 0;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** @param {Cache} cache @param {File} file */
async function has(cache, file) {
  const kept = await cache.match(keyOf(file.path));
  return kept?.headers.get(MARK) === file.sha256;
}

/** Copy a file from the version in use, if it is the same there. @param {Cache | null} old @param {Cache} cache @param {File} file */
async function copied(old, cache, file) {
  if (!old || !(await has(old, file))) return false;
  const kept = await old.match(keyOf(file.path));
  if (!kept) return false;
  await keep(cache, file, kept);
  return true;
}

/**
 * @param {Manifest} pack @param {Cache} cache @param {File} file @param {Unpacker} packer
 * @param {(bytes: number) => void} came called as bytes arrive
 */
async function fetched(pack, cache, file, packer, came) {
  const name = file.file ?? file.path;
  const response = await asked(file.root ? name : `v-${pack.version}/${name}`, pack.version);
  const content = await received(response, name, file.download, came);
  await verify(content, file);
  const whole = file.file ? await packer.unpacked(content, file.bytes) : content;
  if (whole.byteLength !== file.bytes) throw new InstallError("broken", `${name} has ${whole.byteLength} bytes`);
  const kind = KINDS[/** @type {keyof typeof KINDS} */ (file.path.split(".").pop() ?? "")] ?? "application/octet-stream";
  await keep(cache, file, new Response(whole, { headers: { "Content-Type": kind, "Content-Length": String(file.bytes), [MARK]: file.sha256 } }));
}

/** @param {ArrayBuffer} content @param {File} file @throws {InstallError} if it is not the content that pack.json lists */
export async function verify(content, file) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  if (Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== file.sha256) {
    throw new InstallError("broken", `the checksum of ${file.file ?? file.path} is wrong`);
  }
}

/**
 * The body of a response, of no more bytes than expected.
 * @param {Response} response @param {string} name @param {number} most @param {(bytes: number) => void} came
 * @returns {Promise<ArrayBuffer>}
 */
async function received(response, name, most, came) {
  const pieces = [];
  let bytes = 0;
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body).getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      if (!value) continue;
      pieces.push(value);
      bytes += value.byteLength;
      if (bytes > most) break;
      came(value.byteLength);
    }
  } catch {
    throw new InstallError("network", `the download of ${name} stopped`);
  }
  if (bytes > most) {
    await reader.cancel();
    throw new InstallError("broken", `${name} is longer than pack.json says`);
  }
  return new Blob(pieces).arrayBuffer();
}

/** @param {Cache} cache @param {File} file @param {Response} response */
async function keep(cache, file, response) {
  try {
    await cache.put(keyOf(file.path), response);
  } catch (error) {
    throw new InstallError("room", String(error));
  }
}

/**
 * A file as the server has it now, past every cache on the way.
 * @param {string} name @param {string} fresh a text that no cache has seen
 */
async function asked(name, fresh) {
  const address = new URL(name, ROOT);
  address.searchParams.set("fresh", fresh);
  let response;
  try {
    response = await fetch(address, { cache: "no-store" });
  } catch {
    throw new InstallError("network", `${name} did not arrive`);
  }
  if (!response.ok) throw new InstallError("network", `${name}: HTTP status ${response.status}`);
  return response;
}

/** A worker that decompresses, so that the progress bar keeps moving. */
class Unpacker {
  constructor() {
    this.worker = new Worker(new URL("unpack.js", import.meta.url), { type: "module" });
    /** @type {Map<number, {resolve: (whole: ArrayBuffer) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    this.asked = 0;
    this.worker.onmessage = ({ data: { id, whole, problem } }) => {
      const { resolve, reject } = this.waiting.get(id) ?? {};
      this.waiting.delete(id);
      if (whole) resolve?.(whole);
      else reject?.(new InstallError("broken", problem));
    };
    this.worker.onerror = () => {
      for (const { reject } of this.waiting.values()) reject(new InstallError("network", "the unpacker could not be started"));
    };
  }

  /** @param {ArrayBuffer} packed @param {number} bytes its size afterwards @returns {Promise<ArrayBuffer>} */
  unpacked(packed, bytes) {
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.asked, { resolve, reject });
      this.worker.postMessage({ id: this.asked, packed, bytes }, [packed]);
    });
  }

  close() {
    this.worker.terminate();
  }
}
