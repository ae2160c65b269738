// What one frame says: the likelihood of each place and camera direction, and of not being on the map.
// The same as viewfix/track/observe.py; a test compares both.

import { BIN_DEG, DIRECTIONS, sum } from "./belief.js";
import { foreignLikelihood, likelihood } from "./model.js";
import { median } from "./places.js";

const LOOK_APART_DEG = 45; // photos that look this far apart show different things
const ROBUST = 1.4826; // the median distance from the median, in standard deviations
const TRUSTED = 2; // where a frame counts half for places: foreign frames in a row may all resemble the same place
const LEAST_SPREAD = 1e-6;

/** @typedef {import("./belief.js").Belief} Belief */
/** @typedef {import("./model.js").TrackModel} TrackModel */
/**
 * One frame, compared with the map.
 * @typedef {{places: Int32Array, standing: Float64Array, least: number, top: number, resembled: number}} Sight
 *   `standing` holds DIRECTIONS numbers for each place: how far the most similar photo of that place and direction stands
 *   out of the frame's similarities; `least` is that of the least similar photo found, `top` the cosine of the most similar one with the frame
 *   itself, `resembled` the place of that photo
 */

/** @param {number} angle degrees, any */
export const turnOf = (angle) => Math.abs(((((angle + 180) % 360) + 360) % 360) - 180);

/**
 * @param {{place: number, heading: number | null, similarity: number}[]} found the most similar photos to the frame without its usual look
 * @param {Float64Array} reference the similarities of the frame with photos spread over the whole map; put in order
 * @param {number[]} itself the cosines of the first of `found` with the frame as it is, with its usual look
 * @returns {Sight}
 */
export function sight(found, reference, itself) {
  const middle = median(reference);
  const spread = Math.max(ROBUST * median(reference.map((each) => Math.abs(each - middle))), LEAST_SPREAD);
  const places = Int32Array.from(new Set(found.map(({ place }) => place))).sort();
  const at = new Map([...places].map((place, i) => [place, i]));
  const standing = new Float64Array(places.length * DIRECTIONS).fill(-Infinity);
  let least = Infinity;
  for (const { place, heading, similarity } of found) {
    const z = (similarity - middle) / spread;
    least = Math.min(least, z);
    const from = (at.get(place) ?? 0) * DIRECTIONS;
    for (let a = 0; a < DIRECTIONS; a++) {
      if (heading === null || turnOf(heading - a * BIN_DEG) <= LOOK_APART_DEG) standing[from + a] = Math.max(standing[from + a], z);
    }
  }
  const top = Math.max(...itself);
  return { places, standing, least, top, resembled: found[itself.indexOf(top)].place };
}

/** Take one frame into account; all places of the sight are in the belief. @param {Belief} belief @param {Sight} frame @param {TrackModel} model @returns {Belief} */
export function seen(belief, frame, model) {
  const foreign = foreignLikelihood(model, frame.top);
  const trust = Math.min((1 + Math.exp(-TRUSTED)) / (1 + foreign * Math.exp(-TRUSTED)), 1);
  const least = likelihood(model, frame.least) ** trust;
  const size = DIRECTIONS * belief.speeds;
  const [on, views] = [belief.on.slice(), belief.views.map((each) => each * least)];
  const at = new Map([...belief.places].map((place, i) => [place, i]));
  frame.places.forEach((place, p) => {
    const from = (at.get(place) ?? 0) * DIRECTIONS;
    for (let a = 0; a < DIRECTIONS; a++) {
      views[from + a] = belief.views[from + a] * likelihood(model, Math.max(frame.standing[p * DIRECTIONS + a], frame.least)) ** trust;
    }
  });
  for (let i = 0; i < belief.places.length; i++) {
    const likely = sum(views, i * DIRECTIONS, (i + 1) * DIRECTIONS);
    for (let a = i * DIRECTIONS; a < (i + 1) * DIRECTIONS; a++) views[a] /= likely;
    for (let v = i * size; v < (i + 1) * size; v++) on[v] *= likely;
  }
  const total = sum(on) + sum(belief.off) * foreign + belief.restOn * least + belief.restOff * foreign;
  return {
    ...belief,
    on: on.map((each) => each / total),
    off: belief.off.map((each) => (each * foreign) / total),
    views,
    restOn: (belief.restOn * least) / total,
    restOff: (belief.restOff * foreign) / total,
  };
}
