// The usual look of the frames of a track: what all of them share, such as the light, the weather and the camera.
// The same as viewfix/track/look.py, which explains it; a test compares both.

import { sum } from "./belief.js";

const UNSURE_FRAMES = 20;

/** The sum of descriptors and of their weights; without numbers before the first frame. @typedef {{total: Float32Array, weight: number}} Look */

/** @type {Look} */
export const NO_LOOK = { total: new Float32Array(0), weight: 0 };

/** A descriptor without the usual look, of length 1. @param {Look} look @param {Float32Array} descriptor */
export function centred({ total, weight }, descriptor) {
  if (!total.length) return descriptor;
  const usual = Math.fround(weight + UNSURE_FRAMES);
  const rest = descriptor.map((each, i) => each - Math.fround(total[i] / usual));
  const length = Math.fround(Math.sqrt(rest.reduce((one, each) => one + each * each, 0)));
  return length > 1e-6 ? rest.map((each) => each / length) : descriptor;
}

/** The look of one more frame. @param {Look} look @param {Float32Array} descriptor @param {number} weight in [0, 1] @returns {Look} */
export function withFrame(look, descriptor, weight) {
  const share = Math.fround(weight);
  return {
    total: descriptor.map((each, i) => (look.total[i] ?? 0) + Math.fround(share * each)),
    weight: look.weight + weight,
  };
}

/**
 * How much of a frame is new, [0, 1]: a camera that stands still, or is off the map, shows nothing new.
 * @param {import("./belief.js").Belief} belief @param {import("./modes.js").Mode} mode
 * @param {number | null} elapsedS since the frame before, null for the first one
 * @param {number} spacingM
 */
export function newShare({ on, speeds: bins }, { speeds }, elapsedS, spacingM) {
  if (elapsedS === null) return sum(on);
  const far = speeds.map((speed) => Math.min((speed * elapsedS) / spacingM, 1));
  return on.reduce((total, each, i) => total + each * far[i % bins], 0);
}
