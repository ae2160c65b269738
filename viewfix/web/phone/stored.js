// The caches in which the browser keeps installed versions, and the pointer to the version in use.
// sw.js, which cannot import modules, repeats the same names.

/** The folder of the pack, above that of the version. */
export const ROOT = new URL("../../", import.meta.url);

const POINTER = `viewfix ${ROOT.pathname} pointer`;

/** @param {string} version */
export const cacheOf = (version) => `viewfix ${ROOT.pathname} ${version}`;

/** @param {string} path */
export const keyOf = (path) => `${ROOT.href}kept/${path}`;

/** @returns {Promise<string | null>} the version in use; null before the first was installed */
export async function currentVersion() {
  if (!(await caches.has(POINTER))) return null;
  const pointer = await (await caches.open(POINTER)).match("version");
  return pointer ? pointer.text() : null;
}

/** Use a version from the next start on. A single write: it happens, or it does not. @param {string} version */
export async function useVersion(version) {
  await (await caches.open(POINTER)).put("version", new Response(version));
}

/** Every version of this pack that is kept, whole or in part. @returns {Promise<string[]>} */
export async function keptVersions() {
  const start = cacheOf("");
  const names = (await caches.keys()).filter((name) => name.startsWith(start) && name !== POINTER);
  return names.map((name) => name.slice(start.length));
}

/** Hold a version while this page is open, so that another page does not delete it. @param {string} version */
export function holdVersion(version) {
  navigator.locks?.request(cacheOf(version), { mode: "shared" }, () => new Promise(() => {}));
}

/** Delete all versions but these, unless an open page uses them. @param {(string | null)[]} but */
export async function clearOthers(but) {
  for (const version of await keptVersions()) {
    if (but.includes(version)) continue;
    await navigator.locks.request(cacheOf(version), { ifAvailable: true }, async (lock) => {
      if (lock) await caches.delete(cacheOf(version));
    });
  }
}
