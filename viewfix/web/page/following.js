/** A moving camera on a map of the server: each frame goes with the state of the answer before, and no server keeps it. */
import { Announcer } from "../shared/announcer.js";
import { language } from "../shared/language.js";
import { FrameSocket, NoSocket } from "./frame_socket.js";
import { ServiceError } from "./service.js";

const FRAME_PX = 640; // enough for any model; larger frames only take longer to send
const UNKNOWN_ROUTE = [404, 405]; // the server has no tracks
const AHEAD_S = 60;
const NEARBY_M = 300;

/** @typedef {import("../shared/types.js").Answer} Answer */

export class Following {
  /**
   * @param {import("./service.js").Service} service
   * @param {{map: string, mode: string, signal: AbortSignal, isLive: boolean}} how `isLive`: over one connection, if that opens
   */
  constructor(service, { map, mode, signal, isLive }) {
    this.service = service;
    this.map = map;
    this.mode = mode;
    this.signal = signal;
    /** @type {string | null} */
    this.state = null;
    this.isTracked = true; // until the server says that it has no tracks
    this.usesSocket = isLive;
    /** @type {FrameSocket | null} */
    this.socket = null;
    this.announcer = new Announcer(isSame);
    signal.addEventListener("abort", () => this.end(), { once: true });
  }

  /** No frame comes any more. */
  end() {
    this.usesSocket = false;
    this.socket?.close();
  }

  /** @param {Blob} frame @param {number} timeS of any clock, in order @returns {Promise<Answer>} */
  async next(frame, timeS) {
    if (this.isTracked) {
      try {
        return this.shown(await this.tracked(frame, timeS), timeS);
      } catch (error) {
        const isUnknown = error instanceof ServiceError && UNKNOWN_ROUTE.includes(/** @type {any} */ (error).status);
        if (!isUnknown || this.state !== null) throw error;
        this.isTracked = false;
      }
    }
    return this.service.locate(frame, { map: this.map, verify: "off" }, { signal: this.signal });
  }

  /** @param {Blob} frame @param {number} timeS @returns {Promise<any>} */
  async tracked(frame, timeS) {
    const answer = (await this.overSocket(frame, timeS)) ?? (await this.service.track(frame, { ...this.asked(), timeS, state: this.state }, this.signal));
    this.state = answer.state;
    return answer;
  }

  /** The answer over a connection; null if there is none. @param {Blob} frame @param {number} timeS */
  async overSocket(frame, timeS) {
    if (!this.usesSocket) return null;
    try {
      return await (await this.connection()).ask(frame, timeS, this.state);
    } catch (error) {
      this.signal.throwIfAborted();
      if (!(error instanceof NoSocket)) throw error;
      if (!this.socket?.wasUsed) this.usesSocket = false; // it never opens here
      this.socket = null; // it was lost: this frame goes as a request, and the next one opens another
      return null;
    }
  }

  async connection() {
    const address = this.service.liveAddress(this.asked());
    if (this.socket !== null && this.socket.isOpen && this.socket.isAt(address)) return this.socket;
    this.socket?.close();
    this.socket = new FrameSocket(address, this.service.key);
    await this.socket.open();
    this.signal.throwIfAborted();
    return this.socket;
  }

  asked() {
    return { map: this.map, mode: this.mode, language: language(), aheadS: AHEAD_S, nearbyM: NEARBY_M };
  }

  /** As the page shows answers. @param {any} answer @param {number} timeS @returns {Answer} */
  shown({ properties, ...answer }, timeS) {
    const coming = (properties.upcoming ?? []).map(asComing);
    const nearby = (properties.nearby ?? []).filter((/** @type {any} */ each) => !coming.some((/** @type {any} */ other) => isSame(each, other)));
    return { ...answer, properties: { candidates: [], attribution: [], ...properties, nearby, coming, say: this.announcer.now(coming, timeS) } };
  }
}

/** A sight ahead; the server has chosen its name by the language. @param {any} sight */
function asComing({ link, ...sight }) {
  return { ...sight, names: {}, links: link ? { link } : {} };
}

/** @param {{id?: string, name: string}} one @param {{id?: string, name: string}} other */
function isSame(one, other) {
  return one.id === other.id || one.name === other.name;
}

/** A picture as a JPEG that is small enough to be sent once a second. @param {ImageBitmap | HTMLVideoElement} picture */
export async function asFrame(picture) {
  const [width, height] = picture instanceof HTMLVideoElement ? [picture.videoWidth, picture.videoHeight] : [picture.width, picture.height];
  const share = Math.min(1, FRAME_PX / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * share)), Math.max(1, Math.round(height * share)));
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}
