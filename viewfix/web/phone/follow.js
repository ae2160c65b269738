// The answers to the frames of a moving camera: the fix of the track, what is nearby, and the sights ahead.

import { answered, locate } from "./locate.js";
import { onPlaces } from "./track/belief.js";
import { Track } from "./track/track.js";
import { Announcer, upcoming } from "./upcoming.js";

const GPS_EACH_S = 10; // a position that is wrong stays wrong for a while, so it must not count with every frame
const LIKELY_OFF = 0.5;

/** @typedef {{lat: number, lon: number, radius: number}} Circle  radius in metres */

export class Follower {
  /** @param {import("./photos.js").Photos} photos @param {string} mode how the camera travels */
  constructor(photos, mode) {
    this.photos = photos;
    this.mode = mode;
    this.track = photos.track === null ? null : new Track(photos, mode);
    this.announcer = new Announcer(photos.query.nearby);
    /** @type {{lat: number, lon: number, timeS: number} | null} the last position of GPS that was weighed */
    this.weighed = null;
  }

  /**
   * The answer to the next frame. A pack without the numbers of a track answers each frame on its own.
   * @param {Float32Array} descriptor @param {number} timeS @param {Circle | null} near by GPS
   */
  next(descriptor, timeS, near) {
    const { photos, track } = this;
    if (track === null) return locate(photos, descriptor, { near });
    const { fix, found } = track.add(descriptor, timeS, { gps: this.fresh(near, timeS) });
    const answer = answered(photos, this.decided(fix), found.slice(0, photos.query.k));
    const coming = answer.properties.found ? this.coming(fix) : [];
    return {
      ...answer,
      properties: {
        ...answer.properties,
        p_off: fix.pOff,
        direction_deg: fix.direction,
        speed_mps: fix.speed,
        coming,
        say: this.announcer.now(coming, timeS),
      },
    };
  }

  /** @param {import("./track/track.js").TrackFix} fix */
  decided({ place, lat, lon, confidence, radius, heading, pOff }) {
    const least = this.photos.query.least_confidence;
    if (place === null || confidence < least) {
      const reason = pOff >= LIKELY_OFF
        ? `not on this map, with a probability of ${pOff.toFixed(2)}`
        : `the most likely place has a probability of ${confidence.toFixed(2)}, below ${least.toFixed(2)}`;
      return { found: false, confidence, position: null, radius: null, heading: null, reason };
    }
    const frames = this.track?.state.frames ?? 0;
    return { found: true, confidence, position: { lat, lon }, radius, heading, reason: `by ${frames} frame${frames === 1 ? "" : "s"}` };
  }

  /** @param {import("./track/track.js").TrackFix} fix */
  coming({ direction, speed }) {
    const { track, photos } = this;
    if (track === null || direction === null || speed === null) return [];
    const { belief } = track.state;
    // The bins of the direction are too wide to tell sides: all places have the mean direction and speed.
    const [lats, lons] = [track.places.lats, track.places.lons].map((all) => [...belief.places].map((place) => all[place]));
    const moving = { lats, lons, weights: [...onPlaces(belief)], heading: direction, speed };
    return upcoming(photos.points, moving, photos.query.nearby);
  }

  /** A position of GPS that was not weighed yet. @param {Circle | null} near @param {number} timeS */
  fresh(near, timeS) {
    const known = this.weighed;
    if (near === null || (known !== null && (timeS - known.timeS < GPS_EACH_S || (near.lat === known.lat && near.lon === known.lon)))) return null;
    this.weighed = { lat: near.lat, lon: near.lon, timeS };
    return near;
  }
}
