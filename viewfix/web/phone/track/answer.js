// The position that a belief amounts to, with its probability.
// The same as viewfix/track/answer.py; a test compares both.

import { wrapHeading, wrapLon } from "../geodesy.js";
import { BIN_DEG, DIRECTIONS, largest, offMap, onPlaces, sum } from "./belief.js";
import { metresPerDegree } from "./places.js";

const PEAKS = 32; // the most likely places that are tried as the middle of the answer
const AVERAGED_CELLS = 3; // places within this many cells of the best are averaged
const LEAST_LENGTH = 0.3; // a mean direction that is shorter is unknown
const RAD = Math.PI / 180;

/**
 * @typedef {{place: number | null, lat: number, lon: number, probability: number, pOff: number, heading: number | null,
 *   direction: number | null, speed: number | null}} TrackAnswer
 *   `place` is the most likely one, null if there is none; `heading` and `direction` are of the camera and of its travel,
 *   degrees, null where they are not known; `speed` is the mean, in metres a second
 */

/**
 * The most likely disc of this radius, and a position in it: the place that the last frame resembles most, if it lies in
 * the disc, else the mean of the most likely places.
 * @param {import("./belief.js").Belief} belief @param {import("./places.js").Places} places
 * @param {import("./modes.js").Mode} mode @param {number} radiusM
 * @param {number | null} [resembled] the place that the last frame resembles most
 * @returns {TrackAnswer}
 */
export function answerOf(belief, places, mode, radiusM, resembled = null) {
  const mass = onPlaces(belief);
  const pOff = Math.min(offMap(belief), 1);
  const nowhere = { place: null, lat: NaN, lon: NaN, probability: 0, pOff, heading: null, direction: null, speed: null };
  if (!mass.some((each) => each > 0)) return nowhere;
  let [within, near] = [-1, /** @type {number[]} */ ([])];
  for (const peak of largest(mass, PEAKS)) {
    const members = [...mass.keys()].filter((i) => places.apart(belief.places[peak], belief.places[i]) <= radiusM);
    const held = members.reduce((total, i) => total + mass[i], 0);
    if (held > within) [within, near] = [held, members];
  }
  const best = near.reduce((one, i) => (mass[i] > mass[one] ? i : one), near[0]);
  const exact = resembled !== null && near.some((i) => belief.places[i] === resembled);
  const position = exact ? { lat: places.lats[resembled], lon: places.lons[resembled] } : averaged(belief, places, mass, best);
  return {
    ...nowhere,
    ...position,
    place: exact ? resembled : belief.places[best],
    probability: Math.min(within, 1),
    ...movement(belief, mode, mass, near),
  };
}

/** @param {import("./belief.js").Belief} belief @param {import("./places.js").Places} places @param {Float64Array} mass @param {number} best */
function averaged(belief, places, mass, best) {
  const middle = belief.places[best];
  let [total, east, north] = [0, 0, 0];
  belief.places.forEach((place, i) => {
    if (places.apart(middle, place) > AVERAGED_CELLS * places.cellM) return;
    total += mass[i];
    east += mass[i] * places.eastOf(middle, place);
    north += mass[i] * places.northOf(middle, place);
  });
  const [northScale, eastScale] = metresPerDegree(places.lats[middle]);
  return {
    lat: places.lats[middle] + north / total / northScale,
    lon: wrapLon(places.lons[middle] + east / total / Math.max(eastScale, 1e-9)),
  };
}

/** @param {import("./belief.js").Belief} belief @param {import("./modes.js").Mode} mode @param {Float64Array} mass @param {number[]} near */
function movement({ on, views, speeds }, mode, mass, near) {
  const [ways, looks, bySpeed] = [new Float64Array(DIRECTIONS), new Float64Array(DIRECTIONS), new Float64Array(speeds)];
  for (const i of near) {
    for (let a = 0; a < DIRECTIONS; a++) {
      looks[a] += mass[i] * views[i * DIRECTIONS + a];
      for (let v = 0; v < speeds; v++) {
        const value = on[(i * DIRECTIONS + a) * speeds + v];
        bySpeed[v] += value;
        if (v > 0) ways[a] += value;
      }
    }
  }
  const speed = bySpeed.reduce((total, each, v) => total + each * mode.speeds[v], 0) / sum(bySpeed);
  return { heading: meanOf(looks), direction: meanOf(ways), speed };
}

/** The mean of weighted directions; null if they point everywhere. @param {Float64Array} weights */
function meanOf(weights) {
  let [east, north] = [0, 0];
  weights.forEach((weight, a) => {
    east += weight * Math.sin(a * BIN_DEG * RAD);
    north += weight * Math.cos(a * BIN_DEG * RAD);
  });
  const total = sum(weights);
  if (total <= 0 || Math.hypot(east, north) < LEAST_LENGTH * total) return null;
  return wrapHeading(Math.atan2(east, north) / RAD);
}
