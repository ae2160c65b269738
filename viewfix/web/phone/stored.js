// Where the browser keeps installed versions: names of caches and of what is in them, and the pointer to the one in use.
// sw.js, which can import nothing, spells the same names.

/** The folder of the pack: what lies above the version's own. */
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

/** Use a version from the next start on. One write: it is done, or it is not. @param {string} version */
export async function useVersion(version) {
  await (await caches.open(POINTER)).put("version", new Response(version));
}

/** Every version of this pack that is kept, whole or in part. @returns {Promise<string[]>} */
export async function keptVersions() {
  const start = cacheOf("");
  const names = (await caches.keys()).filter((name) => name.startsWith(start) && name !== POINTER);
  return names.map((name) => name.slice(start.length));
}

/** While a page is open it holds its version, so that another page does not clear it away. @param {string} version */
export function holdVersion(version) {
  navigator.locks?.request(cacheOf(version), { mode: "shared" }, () => new Promise(() => {}));
}

/** Clear away all versions but these, unless a page is open that uses them. @param {(string | null)[]} but */
export async function clearOthers(but) {
  for (const version of await keptVersions()) {
    if (but.includes(version)) continue;
    await navigator.locks.request(cacheOf(version), { ifAvailable: true }, async (lock) => {
      if (lock) await caches.delete(cacheOf(version));
    });
  }
}
