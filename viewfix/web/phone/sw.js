// A request of the app goes in; what was installed comes out, with the network or without it.
//
// Installed versions lie in caches of their own, whole (install.js sees to it); a pointer says which one is in use. Here
// nothing is ever written. Every answer gets the two headers that let a page use threads, so that any web server will do.

const scope = new URL(self.registration.scope);
const POINTER = `viewfix ${scope.pathname} pointer`;
const IN_VERSION = /^v-([0-9a-f]{16})\/(.*)$/;
const NEVER_KEPT = ["pack.json", "sw.js"];

const cacheOf = (version) => `viewfix ${scope.pathname} ${version}`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.searchParams.has("fresh")) return; // asked by the installer: what the server has now
  if (event.request.method !== "GET" || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  const path = decodeURIComponent(url.pathname.slice(scope.pathname.length));
  if (!NEVER_KEPT.includes(path)) event.respondWith(answer(event.request, path === "" ? "index.html" : path));
});

async function answer(request, path) {
  const [, version, inVersion] = path.match(IN_VERSION) ?? [null, await current(), null];
  const kept = version ? await keptIn(version, inVersion ?? path, request) : null;
  return isolated(kept ?? (await fetch(request)));
}

/** The version in use; null before the first was installed. */
async function current() {
  if (!(await caches.has(POINTER))) return null;
  const pointer = await (await caches.open(POINTER)).match("version");
  return pointer ? pointer.text() : null;
}

async function keptIn(version, path, request) {
  if (!(await caches.has(cacheOf(version)))) return null;
  const cache = await caches.open(cacheOf(version));
  const kept = await cache.match(keyOf(path));
  return kept ?? (await whole(cache, path, request));
}

/** Where a file lies in its cache. */
function keyOf(path) {
  return `${scope.href}kept/${path}`;
}

/** A large file that is kept in parts: all of it, or the range that is asked for. */
async function whole(cache, path, request) {
  const manifest = await cache.match(keyOf("pack.json"));
  if (!manifest) return null;
  const about = (await manifest.json()).parts[path];
  if (!about) return null;
  const { bytes, part_bytes: size } = about;
  const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const first = asked ? Number(asked[1]) : 0;
  const last = asked && asked[2] !== "" ? Math.min(Number(asked[2]), bytes - 1) : bytes - 1;
  const pieces = [];
  for (let part = Math.floor(first / size); part * size <= last; part++) {
    const kept = await cache.match(keyOf(`${path}.${String(part).padStart(4, "0")}`));
    if (!kept) return null;
    const blob = await kept.blob();
    pieces.push(blob.slice(Math.max(0, first - part * size), Math.min(blob.size, last + 1 - part * size)));
  }
  const headers = { "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes" };
  if (!asked) return new Response(new Blob(pieces), { headers });
  return new Response(new Blob(pieces), { status: 206, headers: { ...headers, "Content-Range": `bytes ${first}-${last}/${bytes}` } });
}

/** The same answer, of a page that no other site can look into: then a browser gives it threads. */
function isolated(response) {
  if (response.status === 0 || response.type === "opaque") return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
