// The calibrated probability of a fix, and the answer: found, or not in this map.
// The same as viewfix/locate/confidence.py and answer.py without verification; a test compares both.

/** @typedef {import("./fuse.js").Consensus} Consensus */
/** @typedef {import("./query.js").QueryRules} QueryRules */
/**
 * @typedef {{bias: number, similarity: number, margin: number, agreement: number, density: number, stranger: number,
 *   radius_m: number}} Calibration  of the map
 */

/** @param {number} x */
const sigmoid = (x) => 0.5 * (1 + Math.tanh(x / 2));

/**
 * The probability that the true position lies within the radius of the fix.
 * @param {Calibration} calibration @param {Consensus} consensus
 * @param {number} neighbours photos of the map around the fix
 * @param {QueryRules} rules
 */
export function probability(calibration, consensus, neighbours, { twin }) {
  const margin = consensus.similarity - (consensus.rival ?? calibration.stranger);
  const alone =
    calibration.bias +
    (calibration.similarity * consensus.similarity +
      calibration.margin * margin +
      calibration.agreement * consensus.agreement +
      calibration.density * Math.log1p(neighbours));
  return sigmoid(alone) * sigmoid(twin * margin);
}

/**
 * Decide.
 * @param {Calibration} calibration @param {Consensus | null} consensus @param {number} neighbours
 * @param {string} bestId the id of the strongest photo of the place
 * @param {QueryRules} rules below their least confidence the answer is no
 */
export function answer(calibration, consensus, neighbours, bestId, rules) {
  if (!consensus) {
    const reason = "the map has no photo in the area of the search";
    return { found: false, confidence: 0, position: null, radius: null, heading: null, reason };
  }
  const confidence = probability(calibration, consensus, neighbours, rules);
  const line = rules.least_confidence;
  const seen = inWords(consensus, bestId);
  if (confidence < line) {
    const reason = `the probability ${confidence.toFixed(2)} is below ${line.toFixed(2)}; ${seen}`;
    return { found: false, confidence, position: null, radius: null, heading: null, reason };
  }
  const { lat, lon, radius } = consensus.position;
  const widest = Math.max(calibration.radius_m, radius);
  return { found: true, confidence, position: { lat, lon }, radius: widest, heading: consensus.heading, reason: seen };
}

/** @param {Consensus} consensus @param {string} bestId */
function inWords(consensus, bestId) {
  let lead = "there is no other place to compare with";
  if (consensus.rival !== null) {
    const apart = consensus.similarity - consensus.rival;
    lead = apart >= 0 ? `${apart.toFixed(2)} ahead of any other place` : `${(-apart).toFixed(2)} behind another place`;
  }
  return `similarity ${consensus.similarity.toFixed(2)} to ${bestId}, ${lead}`;
}
