/** Requests to the server. A failure is a ServiceError whose kind has words. */

const KEY = "viewfix.key";
const LONGEST_WAIT_S = 60;
const SMALLER_PX = 1600;
const LARGE_PX = 640; // of a thumbnail; the server makes only a few sizes
const TYPES = { heic: "image/heic", heif: "image/heif", avif: "image/avif", webp: "image/webp", png: "image/png" };
const KINDS = { 400: "unreadable", 401: "key", 403: "forbidden", 404: "gone", 408: "slow", 413: "too_large", 415: "not_a_photo", 422: "unreadable", 429: "busy", 503: "busy", 504: "slow" };

export class ServiceError extends Error {
  /** @param {string} kind the end of a key "failure.…" @param {string} [detail] what the server said, in English */
  constructor(kind, detail = "") {
    super(detail || kind);
    this.kind = kind;
    this.detail = detail;
  }
}

/**
 * @typedef {object} Question
 * @property {string} map
 * @property {{lat: number, lon: number, radius_m: number} | null} [near]
 * @property {string} [verify]
 * @property {string} [language]
 */

/** @typedef {{map: string, mode: string, language: string, aheadS: number, nearbyM: number}} Moves  a moving camera, and what to name */

export class Service {
  /** @param {string} [base] address of the page; all requests are relative to it, whatever prefix it lies under */
  constructor(base = document.baseURI) {
    this.base = base;
    /** @type {Map<string, Promise<string>>} */
    this.pictures = new Map();
  }

  /** @returns {Promise<{maps: any[], keeps_queries: boolean}>} */
  async maps() {
    const { maps = [], keeps_queries = false } = await this.json("v1/maps");
    return { maps, keeps_queries };
  }

  /** @returns {Promise<import("../shared/basemap.js").Basemap | null>} */
  async basemap() {
    return (await this.json("v1/basemap")).style ?? null;
  }

  /** @param {string} map @param {number[]} bounds west, south, east, north @param {AbortSignal} signal */
  async photos(map, bounds, signal) {
    const asked = new URLSearchParams({ bounds: bounds.map((each) => each.toFixed(6)).join(","), cells: "24" });
    return this.json(`v1/maps/${encodeURIComponent(map)}/photos?${asked}`, { signal });
  }

  /**
   * Ask where a photo was taken. If the server is busy, it is asked once more at the time that it names; a photo that is
   * too large for it is reduced here and sent once more.
   * @param {Blob} photo
   * @param {Question} question
   * @param {{signal: AbortSignal, onWait?: (seconds: number) => void, onSmaller?: () => void}} how
   * @returns {Promise<import("../shared/types.js").Answer>}
   */
  async locate(photo, { map, near, verify, language }, how) {
    const asked = new URLSearchParams({ map });
    if (near) {
      asked.set("near", `${near.lat.toFixed(6)},${near.lon.toFixed(6)}`);
      asked.set("radius_m", String(Math.round(near.radius_m)));
    }
    if (verify) asked.set("verify", verify);
    if (language) asked.set("language", language);
    return this.send(`v1/locate?${asked}`, photo, how);
  }

  /**
   * The next frame of a moving camera, with the state of the answer before.
   * @param {Blob} frame @param {Moves & {timeS: number, state: string | null}} question @param {AbortSignal} signal
   * @returns {Promise<any>} an answer with the next `state`
   */
  async track(frame, { timeS, state, ...moves }, signal) {
    const form = new FormData();
    form.set("photo", frame, "frame.jpg");
    if (state !== null) form.set("state", new Blob([state]), "state");
    const asked = movesAsked(moves);
    asked.set("at_s", String(timeS));
    return this.json(`v1/track?${asked}`, { method: "POST", body: form, headers: { Accept: "application/json" }, signal });
  }

  /** The address of the connection for frames. @param {Moves} moves */
  liveAddress(moves) {
    return this.absolute(`v1/track/live?${movesAsked(moves)}`);
  }

  /** @param {Blob} photo @param {string} map @param {string} id @param {AbortSignal} signal */
  async inliers(photo, map, id, signal) {
    return this.send(`v1/inliers?${new URLSearchParams({ map, photo: id })}`, photo, { signal });
  }

  /**
   * An address that an image can show. With a key, the picture is fetched here, because an image cannot send the key.
   * @param {string} address of a thumbnail, relative to the page
   * @param {boolean} [large]
   * @returns {Promise<string>}
   */
  async picture(address, large = false) {
    const wanted = new URL(this.absolute(address));
    if (large) wanted.searchParams.set("px", String(LARGE_PX));
    const whole = wanted.href;
    if (this.key === null) return whole;
    if (!this.pictures.has(whole)) {
      this.pictures.set(whole, this.ask(whole).then((response) => response.blob()).then((blob) => URL.createObjectURL(blob)));
    }
    return /** @type {Promise<string>} */ (this.pictures.get(whole));
  }

  /** The headers that let a request in. @returns {Record<string, string>} */
  get headers() {
    return this.key === null ? {} : { Authorization: `Bearer ${this.key}` };
  }

  get key() {
    try {
      return sessionStorage.getItem(KEY);
    } catch {
      return null; // storage is not allowed: no key can be kept
    }
  }

  /** @param {string | null} key */
  set key(key) {
    if (key === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, key);
  }

  // How requests are made

  /** The whole address; another host than the page's is refused, whatever an answer names. @param {string} address */
  absolute(address) {
    const whole = new URL(address, this.base);
    if (whole.origin !== new URL(this.base).origin) throw new ServiceError("server", `It named an address of another host: ${whole.origin}`);
    return whole.href;
  }

  async send(address, photo, how) {
    let sent = photo;
    let waited = false;
    for (;;) {
      const headers = { "Content-Type": typeOf(sent), Accept: "application/json" };
      try {
        return await this.json(address, { method: "POST", body: sent, headers, signal: how.signal });
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        const seconds = error.retryAfter;
        if (error.kind === "busy" && !waited && seconds !== null && seconds <= LONGEST_WAIT_S) {
          waited = true;
          await pause(seconds, how);
        } else if (error.kind === "too_large" && sent === photo) {
          how.onSmaller?.();
          sent = await smaller(photo, error);
        } else throw error;
      }
    }
  }

  async json(address, request = {}) {
    const response = await this.ask(address, request);
    try {
      return await response.json();
    } catch (error) {
      if (request.signal?.aborted) throw error;
      throw new ServiceError("server", "Its answer was not JSON.");
    }
  }

  async ask(address, request = {}) {
    const headers = new Headers({ ...Object.fromEntries(new Headers(request.headers)), ...this.headers });
    let response;
    try {
      response = await fetch(this.absolute(address), { ...request, headers });
    } catch (error) {
      if (request.signal?.aborted || error instanceof ServiceError) throw error;
      throw new ServiceError("network");
    }
    if (!response.ok) throw await failure(response);
    return response;
  }
}

/** @param {Moves} moves */
function movesAsked({ map, mode, language, aheadS, nearbyM }) {
  return new URLSearchParams({ map, mode, language, upcoming_s: String(aheadS), nearby_m: String(nearbyM) });
}

/** The kind of a failure, for its words. @param {number} status */
export function kindOf(status) {
  return KINDS[status] ?? "server";
}

/** @param {Response} response */
async function failure(response) {
  const said = await response.json().catch(() => null);
  const detail = typeof said?.error?.message === "string" ? said.error.message : "";
  const made = new ServiceError(kindOf(response.status), detail);
  const after = Number(response.headers.get("Retry-After") ?? NaN);
  made.retryAfter = Number.isFinite(after) && after >= 0 ? after : null;
  made.status = response.status;
  return made;
}

/** @param {Blob} photo */
function typeOf(photo) {
  if (photo.type !== "") return photo.type;
  const ending = (/** @type {File} */ (photo).name ?? "").split(".").pop()?.toLowerCase() ?? "";
  return TYPES[ending] ?? "image/jpeg"; // the server looks at the bytes, not at this
}

async function pause(seconds, { signal, onWait }) {
  for (let left = Math.max(1, Math.ceil(seconds)); left > 0; left--) {
    onWait?.(left);
    await new Promise((go, stop) => {
      const timer = setTimeout(go, 1000);
      signal.addEventListener("abort", () => (clearTimeout(timer), stop(signal.reason)), { once: true });
    });
  }
}

/** A copy of a photo that is small enough for any server. If the browser cannot read it, the error is thrown on. */
async function smaller(photo, failure) {
  try {
    const picture = await createImageBitmap(photo);
    const share = Math.min(1, SMALLER_PX / Math.max(picture.width, picture.height));
    const canvas = new OffscreenCanvas(Math.max(1, picture.width * share), Math.max(1, picture.height * share));
    canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
  } catch {
    throw failure;
  }
}
