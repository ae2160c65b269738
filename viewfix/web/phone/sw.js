// The service worker: answers requests of the app from the version that is installed, with or without a network.
//
// Each installed version has its own cache and is whole (install.js sees to that); a pointer names the one in use. Nothing
// is written here. Every answer gets the two headers that let a page use threads, so that any web server will do.

const scope = new URL(self.registration.scope);
const POINTER = `viewfix ${scope.pathname} pointer`;
const IN_VERSION = /^v-([0-9a-f]{16})\/(.*)$/;
const NEVER_KEPT = ["pack.json", "sw.js"];

const cacheOf = (version) => `viewfix ${scope.pathname} ${version}`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.searchParams.has("fresh")) return; // the installer wants what the server has now
  if (event.request.method !== "GET" || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  const path = decoded(url.pathname.slice(scope.pathname.length));
  if (!NEVER_KEPT.includes(path)) event.respondWith(answer(event.request, path === "" ? "index.html" : path));
});

/** A path that is not valid percent-encoding is left as it is: nothing is stored under it. */
function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

async function answer(request, path) {
  const [, version, inVersion] = path.match(IN_VERSION) ?? [null, await current(), null];
  const kept = version ? await keptIn(version, inVersion ?? path, request) : null;
  return isolated(kept ?? (await fetch(request)));
}

/** The version in use; null before the first is installed. */
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

/** The key of a file in its cache. */
function keyOf(path) {
  return `${scope.href}kept/${path}`;
}

/** A large file that is kept in parts: all of it, or the range that the request asks for. */
async function whole(cache, path, request) {
  const manifest = await cache.match(keyOf("pack.json"));
  if (!manifest) return null;
  const { parts } = await manifest.json();
  if (!parts || !Object.hasOwn(parts, path)) return null;
  const { bytes, part_bytes: size } = parts[path];
  if (!(size >= 1 && bytes >= 0)) return null;
  const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const first = asked ? Number(asked[1]) : 0;
  const last = asked && asked[2] !== "" ? Math.min(Number(asked[2]), bytes - 1) : bytes - 1;
  if (asked && (first > last || first >= bytes)) return new Response(null, { status: 416, headers: { "Content-Range": `bytes */${bytes}` } });
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

/** The same answer, with the headers that isolate the page from other sites: then the browser grants it threads. */
function isolated(response) {
  if (response.status === 0 || response.type === "opaque") return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
