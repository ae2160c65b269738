// A moving camera on the map of a pack: one fix for each frame, from all frames until then.
// The same as viewfix/track/track.py and context.py; a test compares both.

import { answerOf } from "./answer.js";
import { newTrack, remembered, stepped } from "./filter.js";
import { centred } from "./look.js";
import { MODES } from "./modes.js";
import { calibrated } from "./model.js";
import { sight } from "./observe.js";
import { Places, spread } from "./places.js";

const CANDIDATES = 100; // the most similar photos that are weighed for each frame
const SHORTLIST = 1600; // the photos of a large pack among which those are found
const SHOWN = 20; // of the most similar photos, the cosines with the frame itself are computed, and returned
const REFERENCE = 512; // photos, spread over the map, that show how similar a frame is to any photo at all
const SPACINGS = 2.2; // the radius of an answer

/** @typedef {import("./answer.js").TrackAnswer & {confidence: number, radius: number}} TrackFix  radius in metres */

export class Track {
  /** @param {import("../photos.js").Photos} photos @param {string} mode */
  constructor(photos, mode) {
    this.photos = photos;
    this.mode = MODES[mode];
    this.places = placesOf(photos, this.mode.cellM);
    this.radiusM = Math.max(photos.query.agree_m, SPACINGS * this.places.spacingM);
    this.reference = spread(photos.count, REFERENCE);
    this.state = newTrack(mode);
  }

  /**
   * Take the next frame into account.
   * @param {Float32Array} descriptor of length 1
   * @param {number} timeS not before that of the last frame
   * @param {import("./filter.js").Hints} [hints]
   * @returns {{fix: TrackFix, found: {index: number, similarity: number}[]}} and the photos that look most like the frame
   */
  add(descriptor, timeS, hints = {}) {
    const { photos, places } = this;
    const frame = centred(this.state.look, descriptor);
    const alike = frame === descriptor ? null : photos.index.shortlist(descriptor, SHORTLIST, null);
    const nearest = photos.index.nearest(frame, CANDIDATES, alike);
    const seen = nearest.map(({ index, similarity }) => ({ place: places.of[index], heading: photos.heading(index), similarity }));
    const reference = Float64Array.from(this.reference, (index) => photos.index.similarity(frame, index));
    const model = /** @type {import("./model.js").TrackModel} */ (photos.track);
    const found = nearest.slice(0, SHOWN).map(({ index }) => ({ index, similarity: photos.index.similarity(descriptor, index) }));
    const compared = sight(seen, reference, found.map(({ similarity }) => similarity));
    this.state = remembered(stepped(this.state, compared, timeS, places, model, hints), this.state, descriptor, places);
    const answer = answerOf(this.state.belief, places, this.mode, this.radiusM, compared.resembled);
    return { fix: { ...answer, confidence: calibrated(model, answer.probability), radius: this.radiusM }, found };
  }
}

/** @type {WeakMap<object, Map<number, Places>>} */
const made = new WeakMap();

/** The places of a pack, made once for each size. @param {import("../photos.js").Photos} photos @param {number} cellM */
function placesOf(photos, cellM) {
  const known = made.get(photos) ?? new Map();
  made.set(photos, known);
  if (!known.has(cellM)) known.set(cellM, new Places(photos.lats, photos.lons, cellM));
  return known.get(cellM);
}
