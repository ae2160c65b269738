// The consensus of candidates: one place, its spread, and the numbers that tell how far to trust it.
// The same as viewfix/locate/fuse.py without verification; a test compares both.

import { fromPlane, metresBetween, toPlane, wrapHeading } from "./geodesy.js";

const RAD = Math.PI / 180;

/**
 * @typedef {{index: number, similarity: number, lat: number, lon: number, heading: number | null}} Candidate
 *   `index` is the number of the photo in the pack, `heading` in degrees, null if it is not known
 * @typedef {{position: {lat: number, lon: number, radius: number}, heading: number | null, similarity: number,
 *   rival: number | null, agreement: number, best: number}} Consensus
 *   `best` is the index of the strongest candidate of the place, `rival` the similarity of the best photo elsewhere
 */

/**
 * Let candidates vote for a place.
 * @param {Candidate[]} candidates the most similar first
 * @param {Candidate[]} elsewhere the best of the whole map, which a place must lead
 * @param {import("./query.js").QueryRules} rules
 * @returns {Consensus | null} null without candidates
 */
export function fuse(candidates, elsewhere, { agree_m, agree_heading_deg, sharpness }) {
  if (!candidates.length) return null;
  const strengths = candidates.map((each) => each.similarity);
  const strongest = Math.max(...strengths);
  const weights = strengths.map((each) => Math.exp(sharpness * (each - strongest)));
  const origin = candidates[0];
  const points = candidates.map((each) => toPlane(origin, each));
  const together = points.map((a) => points.map((b) => Math.hypot(a[0] - b[0], a[1] - b[1]) <= agree_m));
  const votes = together.map((row) => sum(weights, (weight, i) => (row[i] ? weight : 0)));
  const members = together[firstOfHighest(votes)];
  const share = weights.map((weight, i) => (members[i] ? weight : 0));
  const total = sum(share, (each) => each);
  const east = sum(share, (each, i) => each * points[i][0]) / total;
  const north = sum(share, (each, i) => each * points[i][1]) / total;
  const apart = points.map((point) => Math.hypot(point[0] - east, point[1] - north));
  const spread = Math.sqrt(sum(share, (each, i) => each * apart[i] ** 2) / total);
  const best = firstOfHighest(strengths.map((each, i) => (members[i] ? each : -Infinity)));
  const at = fromPlane(origin, east, north);
  // A rival must stand clear of the winner's place: its own neighbours are no second opinion.
  const rivals = strengths.filter((_, i) => !members[i] && apart[i] > agree_m);
  for (const each of elsewhere) if (metresBetween(at, each) > agree_m) rivals.push(each.similarity);
  return {
    position: { ...at, radius: spread },
    heading: headingOf(candidates, share, best, agree_heading_deg),
    similarity: strengths[best],
    rival: rivals.length ? rivals.reduce((a, b) => Math.max(a, b)) : null,
    agreement: total / sum(weights, (each) => each),
    best,
  };
}

/** @param {number[]} values @param {(value: number, index: number) => number} of */
function sum(values, of) {
  return values.reduce((total, value, i) => total + of(value, i), 0);
}

/** @param {number[]} values */
function firstOfHighest(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}

/**
 * The mean direction of the members that look the way the best one does.
 * @param {Candidate[]} candidates @param {number[]} share @param {number} best @param {number} agreeDeg
 */
function headingOf(candidates, share, best, agreeDeg) {
  const towards = candidates[best].heading;
  if (towards === null) return null;
  let [east, north] = [0, 0];
  candidates.forEach(({ heading }, i) => {
    if (heading === null || share[i] === 0) return;
    if (Math.abs(wrapHeading(heading - towards + 180) - 180) > agreeDeg) return;
    east += share[i] * Math.sin(heading * RAD);
    north += share[i] * Math.cos(heading * RAD);
  });
  return wrapHeading(Math.atan2(east, north) / RAD);
}
