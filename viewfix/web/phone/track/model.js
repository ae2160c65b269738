// The fitted numbers of the filter, as a pack holds them. The same as viewfix/track/model.py.

import { listOf, numberOf, objectOf, refuse } from "../checks.js";

const MOST_LOG_RATIO = 10; // that one frame may contribute for one place
const MOST_CURVE = 1000;

/**
 * docs/track.md explains them.
 * @typedef {{slope: number, bias: number, temper: number, foreign_bias: number, foreign_slope: number, most_foreign: number,
 *   said: number[], true: number[]}} TrackModel
 */

/** @param {any} value the member `track` of photos.bin @returns {TrackModel} */
export function checkedTrackModel(value) {
  const track = objectOf(value, "track");
  for (const name of ["slope", "bias", "temper", "foreign_bias", "foreign_slope"]) numberOf(track[name], `track.${name}`, -1000, 1000);
  numberOf(track.most_foreign, "track.most_foreign", 0, 1000);
  const said = listOf(track.said, "track.said", null, MOST_CURVE);
  const truth = listOf(track.true, "track.true", said.length);
  for (const [name, curve] of [["said", said], ["true", truth]]) {
    curve.forEach((/** @type {any} */ each, /** @type {number} */ i) => numberOf(each, `a value of track.${name}`, i ? curve[i - 1] : 0, 1));
  }
  if (said.length < 2) refuse("track.said has fewer than 2 values");
  return /** @type {any} */ (track);
}

/** @param {number} x @param {number} most */
const within = (x, most) => Math.min(Math.max(x, -most), most);

/** How much likelier a frame is at a place whose photo stands out so far. @param {TrackModel} model @param {number} standing */
export function likelihood({ temper, slope, bias }, standing) {
  return Math.exp(within(temper * (slope * standing + bias), MOST_LOG_RATIO));
}

/** How much likelier a frame is off the map by its highest cosine. @param {TrackModel} model @param {number} top */
export function foreignLikelihood({ foreign_bias, foreign_slope, most_foreign }, top) {
  return Math.exp(within(foreign_bias - foreign_slope * top, most_foreign));
}

/** The probability to report for one of the filter. @param {TrackModel} model @param {number} probability */
export function calibrated({ said, true: truth }, probability) {
  if (probability <= said[0]) return truth[0];
  for (let i = 1; i < said.length; i++) {
    if (probability > said[i]) continue;
    const share = said[i] > said[i - 1] ? (probability - said[i - 1]) / (said[i] - said[i - 1]) : 1;
    return truth[i - 1] + share * (truth[i] - truth[i - 1]);
  }
  return truth[truth.length - 1];
}
