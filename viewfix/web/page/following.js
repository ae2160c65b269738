/** A moving camera on a map of the server: each frame is sent with the state of the answer before, and no server keeps it. */
import { ServiceError } from "./service.js";

const FRAME_PX = 640; // enough for any model; larger frames only take longer to send
const UNKNOWN_ROUTE = [404, 405]; // the server has no tracks

/** @typedef {import("../shared/types.js").Answer} Answer */

export class Following {
  /** @param {import("./service.js").Service} service @param {string} map @param {AbortSignal} signal */
  constructor(service, map, signal) {
    this.service = service;
    this.map = map;
    this.signal = signal;
    /** @type {string | null} */
    this.state = null;
    this.isTracked = true; // until the server says that it has no tracks
  }

  /** @param {Blob} frame @param {number} timeS of any clock, in order @returns {Promise<Answer>} */
  async next(frame, timeS) {
    if (this.isTracked) {
      try {
        return await this.tracked(frame, timeS);
      } catch (error) {
        const isUnknown = error instanceof ServiceError && UNKNOWN_ROUTE.includes(/** @type {any} */ (error).status);
        if (!isUnknown || this.state !== null) throw error;
        this.isTracked = false;
      }
    }
    return this.service.locate(frame, { map: this.map, verify: "off" }, { signal: this.signal });
  }

  /** @param {Blob} frame @param {number} timeS @returns {Promise<Answer>} */
  async tracked(frame, timeS) {
    const answer = await this.service.track(frame, { map: this.map, timeS, state: this.state }, this.signal);
    this.state = answer.state;
    return { ...answer, properties: { nearby: [], candidates: [], attribution: [], ...answer.properties } };
  }
}

/** A picture as a JPEG that is small enough to be sent once a second. @param {ImageBitmap | HTMLVideoElement} picture */
export async function asFrame(picture) {
  const [width, height] = picture instanceof HTMLVideoElement ? [picture.videoWidth, picture.videoHeight] : [picture.width, picture.height];
  const share = Math.min(1, FRAME_PX / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * share)), Math.max(1, Math.round(height * share)));
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}
