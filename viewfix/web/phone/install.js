// The address of a pack goes in; a version of it that is whole comes out, kept by the browser: all of it, or none.
//
// Every file is checked by its SHA-256 before it is kept. What stopped goes on where it was; what the version in use
// has already is copied from there. Only when nothing is missing does the pointer move.

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

/** @typedef {{path: string, file?: string, root?: boolean, kept?: boolean, bytes: number, download: number, sha256: string}} File */
/** @typedef {{format: number, version: string, title: string, photos: number, files: File[]}} Pack */

/** What went wrong, by a key of the words: "broken" (a checksum), "network", "room" or "newer". */
export class InstallError extends Error {
  /** @param {"broken" | "network" | "room" | "newer"} kind @param {string} detail */
  constructor(kind, detail) {
    super(detail);
    this.kind = kind;
  }
}

/** What the server offers now. @returns {Promise<Pack>} */
export async function offered() {
  const response = await asked("pack.json", String(Date.now()));
  /** @type {Pack} */
  let pack;
  try {
    pack = await response.json();
  } catch {
    throw new InstallError("broken", "pack.json is damaged");
  }
  if (pack.format !== 1) throw new InstallError("newer", `pack.json is of format ${pack.format}`);
  if (!/^[0-9a-f]{16}$/.test(pack.version) || !Array.isArray(pack.files)) throw new InstallError("broken", "pack.json is damaged");
  return pack;
}

/**
 * Install a version, and use it from the next start on.
 * @param {Pack} pack
 * @param {(done: number, total: number) => void} [tell] bytes
 */
export async function install(pack, tell = () => {}) {
  await navigator.locks.request(`${cacheOf("")}installing`, async () => {
    const before = await currentVersion();
    await clearOthers([before, pack.version]); // half of a version that nobody offers any more
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
 * Handle files, some at once; after one failed those that were begun are waited for, so that nothing goes on behind its back.
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

/** Take a file from the version in use, where it is the same. @param {Cache | null} old @param {Cache} cache @param {File} file */
async function copied(old, cache, file) {
  if (!old || !(await has(old, file))) return false;
  const kept = await old.match(keyOf(file.path));
  if (!kept) return false;
  await keep(cache, file, kept);
  return true;
}

/**
 * @param {Pack} pack @param {Cache} cache @param {File} file @param {Unpacker} packer
 * @param {(bytes: number) => void} came told as they come
 */
async function fetched(pack, cache, file, packer, came) {
  const name = file.file ?? file.path;
  const response = await asked(file.root ? name : `v-${pack.version}/${name}`, pack.version);
  const content = await received(response, name, came);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  if (Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== file.sha256) {
    throw new InstallError("broken", `${name} is not what pack.json says`);
  }
  const whole = file.file ? await packer.unpacked(content) : content;
  if (whole.byteLength !== file.bytes) throw new InstallError("broken", `${name} has ${whole.byteLength} bytes`);
  const kind = KINDS[/** @type {keyof typeof KINDS} */ (file.path.split(".").pop() ?? "")] ?? "application/octet-stream";
  await keep(cache, file, new Response(whole, { headers: { "Content-Type": kind, "Content-Length": String(file.bytes), [MARK]: file.sha256 } }));
}

/** @param {Response} response @param {string} name @param {(bytes: number) => void} came @returns {Promise<ArrayBuffer>} */
async function received(response, name, came) {
  const pieces = [];
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body).getReader();
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      if (!value) continue;
      pieces.push(value);
      came(value.byteLength);
    }
  } catch {
    throw new InstallError("network", `${name} stopped coming`);
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
 * @param {string} name @param {string} fresh what no cache has seen yet
 */
async function asked(name, fresh) {
  const address = new URL(name, ROOT);
  address.searchParams.set("fresh", fresh);
  let response;
  try {
    response = await fetch(address, { cache: "no-store" });
  } catch {
    throw new InstallError("network", `${name} did not come`);
  }
  if (!response.ok) throw new InstallError("network", `${name}: HTTP status ${response.status}`);
  return response;
}

/** A worker that unpacks, so that the progress bar goes on moving. */
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

  /** @param {ArrayBuffer} packed @returns {Promise<ArrayBuffer>} */
  unpacked(packed) {
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.asked, { resolve, reject });
      this.worker.postMessage({ id: this.asked, packed }, [packed]);
    });
  }

  close() {
    this.worker.terminate();
  }
}
