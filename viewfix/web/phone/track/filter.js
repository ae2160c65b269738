// One step of the filter: a state, a time and the evidence of one frame become the next state.
// The same as viewfix/track/filter.py; a test compares both.

import { BIN_DEG, DIRECTIONS, pruned, scaled, sum, unknown } from "./belief.js";
import { NO_LOOK, newShare, withFrame } from "./look.js";
import { MODES } from "./modes.js";
import { moved } from "./motion.js";
import { seen, turnOf } from "./observe.js";

const GPS_OUTLIER = 1e-3; // the share of GPS positions that are simply wrong, such as between high buildings
const COMPASS_DEG = 25;
const STEP_M = 0.7;
const UNLIKELY = 0.05; // that a compass or a count of steps is wrong

/** @typedef {import("./belief.js").Belief} Belief */
/** @typedef {import("./places.js").Places} Places */
/** @typedef {{mode: string, belief: Belief, timeS: number | null, frames: number, look: import("./look.js").Look}} TrackState  a value */
/**
 * What else is known at the time of a frame: a position with its radius in metres, one sigma; the direction of the camera;
 * the steps since the last frame.
 * @typedef {{gps?: {lat: number, lon: number, radius: number} | null, compassDeg?: number | null, steps?: number | null}} Hints
 */

/** The state before the first frame. @param {string} mode @returns {TrackState} */
export function newTrack(mode) {
  return { mode, belief: unknown(MODES[mode].speeds.length), timeS: null, frames: 0, look: NO_LOOK };
}

/**
 * Take one frame into account.
 * @param {TrackState} state @param {import("./observe.js").Sight} frame
 * @param {number} timeS of any clock, in order
 * @param {Places} places with the cell size of the state's mode
 * @param {import("./model.js").TrackModel} model
 * @param {Hints} [hints]
 * @returns {TrackState}
 */
export function stepped(state, frame, timeS, places, model, { gps = null, compassDeg = null, steps = null } = {}) {
  const mode = MODES[state.mode];
  const elapsedS = state.timeS === null ? 0 : timeS - state.timeS;
  if (!(elapsedS >= 0)) throw new RangeError(`This frame is ${-elapsedS} s older than the one before.`);
  let belief = moved(state.belief, places, mode, elapsedS, frame.places);
  if (steps !== null && elapsedS > 0) belief = withSteps(belief, mode.speeds, (steps * STEP_M) / elapsedS);
  belief = seen(belief, frame, model);
  if (compassDeg !== null) belief = withCompass(belief, compassDeg);
  if (gps !== null) belief = withGps(belief, places, gps);
  return { ...state, belief: pruned(belief), timeS, frames: state.frames + 1 };
}

/** Add the look of the frame that led from one state to the next. @param {TrackState} state @param {TrackState} before @param {Float32Array} descriptor @param {Places} places @returns {TrackState} */
export function remembered(state, before, descriptor, places) {
  const elapsedS = before.timeS === null || state.timeS === null ? null : state.timeS - before.timeS;
  return { ...state, look: withFrame(before.look, descriptor, newShare(state.belief, MODES[state.mode], elapsedS, places.spacingM)) };
}

/** @param {number} x in standard deviations */
const bell = (x) => Math.exp(-(x * x) / 2);

/** @param {number[] | Float64Array} values */
const mean = (values) => (values.length ? sum(Float64Array.from(values)) / values.length : 0);

/** @param {Belief} belief @param {number[]} speeds @param {number} speed */
function withSteps(belief, speeds, speed) {
  const likely = speeds.map((each) => bell((each - speed) / speeds[1]) + UNLIKELY);
  const middle = mean(likely);
  return scaled(belief, (_, v) => likely[v], middle, middle);
}

/** @param {Belief} belief @param {number} compassDeg */
function withCompass(belief, compassDeg) {
  const likely = Array.from({ length: DIRECTIONS }, (_, a) => bell(turnOf(a * BIN_DEG - compassDeg) / COMPASS_DEG) + UNLIKELY);
  const views = belief.views.map((each, i) => each * likely[i % DIRECTIONS]);
  const ofPlace = Float64Array.from(belief.places, (_, i) => sum(views, i * DIRECTIONS, (i + 1) * DIRECTIONS));
  const middle = mean(likely);
  const made = scaled(belief, (place) => ofPlace[place] / middle, 1, 1);
  return { ...made, views: views.map((each, i) => each / ofPlace[Math.floor(i / DIRECTIONS)]) };
}

/** @param {Belief} belief @param {Places} places @param {{lat: number, lon: number, radius: number}} gps */
function withGps(belief, places, gps) {
  const radiusM = Math.max(gps.radius || 15, places.cellM);
  const likely = Float64Array.from(belief.places, (place) => {
    const [east, north] = places.offsetFrom(gps, place);
    return bell(Math.sqrt(east * east + north * north) / radiusM) + GPS_OUTLIER;
  });
  const middle = Math.max(mean(likely), GPS_OUTLIER);
  // A place that is not in the belief is as likely as a wrong position.
  return scaled(belief, (place) => likely[place], GPS_OUTLIER, middle);
}
