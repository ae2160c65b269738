// A descriptor goes in; the answer comes out, in the form in which the server gives it: a GeoJSON Feature.
// The same steps as viewfix/asking.py and retrieval.py with verify="off".

import { answer } from "./confidence.js";
import { AGREE_M, fuse } from "./fuse.js";
import { within } from "./geodesy.js";
import { nearbyOf } from "./nearby.js";

const VOTERS = 20;
const MANY = 200;
const WIDEST = 10_000;

/** @typedef {import("./fuse.js").Candidate} Candidate */
/** @typedef {import("./photos.js").Photos} Photos */
/** @typedef {{near?: {lat: number, lon: number, radius: number} | null, k?: number}} Question  radius in metres */

/**
 * Answer.
 * @param {Photos} photos
 * @param {Float32Array} query of length 1
 * @param {Question} [question]
 */
export function locate(photos, query, { near = null, k = 10 } = {}) {
  const among = near ? within(near, near.radius, photos.lats, photos.lons) : null;
  const candidates = retrieved(photos, query, Math.max(k, VOTERS), among);
  const rivals = rivalsOf(photos, query, candidates, among !== null);
  const voters = candidates.slice(0, VOTERS);
  const consensus = fuse(voters, rivals);
  const around = consensus ? within(consensus.position, AGREE_M, photos.lats, photos.lons, MANY).length : 0;
  const best = consensus ? photos.id(voters[consensus.best].index) : "";
  const decided = answer(photos.calibration, consensus, around, best);
  return feature(photos, decided, candidates.slice(0, k));
}

/** @param {Photos} photos @param {Float32Array} query @param {number} k @param {number[] | null} among @returns {Candidate[]} */
function retrieved(photos, query, k, among) {
  return photos.index.nearest(query, k, among).map(({ index, similarity }) => ({
    index,
    similarity,
    lat: photos.lats[index],
    lon: photos.lons[index],
    heading: photos.heading(index),
  }));
}

/** What the winner among the candidates must be ahead of: photos of the whole map, wider until another place turns up. */
function rivalsOf(/** @type {Photos} */ photos, /** @type {Float32Array} */ query, /** @type {Candidate[]} */ candidates, /** @type {boolean} */ inRegion) {
  let asked = VOTERS;
  let rivals = inRegion ? retrieved(photos, query, asked, null) : [];
  while (asked < Math.min(photos.count, WIDEST)) {
    const consensus = fuse(candidates.slice(0, VOTERS), rivals);
    if (!consensus || consensus.rival !== null) break;
    asked *= 8;
    rivals = retrieved(photos, query, asked, null);
  }
  return rivals;
}

const rounded = (/** @type {number} */ value, /** @type {number} */ places) => Number(value.toFixed(places));

/** @param {Photos} photos @param {ReturnType<typeof answer>} decided @param {Candidate[]} candidates */
function feature(photos, decided, candidates) {
  const at = decided.position;
  const shown = candidates.map((each) => ({ ...photos.describe(each.index), similarity: rounded(each.similarity, 4), inliers: null }));
  return {
    type: "Feature",
    geometry: at ? { type: "Point", coordinates: [rounded(at.lon, 7), rounded(at.lat, 7)] } : null,
    properties: {
      found: decided.found,
      confidence: rounded(decided.confidence, 4),
      radius_m: decided.radius === null ? null : rounded(decided.radius, 1),
      heading_deg: decided.heading === null ? null : rounded(decided.heading, 1),
      reason: decided.reason,
      map: photos.mapName,
      verify: "off",
      attribution: [...new Set(shown.map((each) => each.attribution).filter((each) => each !== null))],
      candidates: shown,
      nearby: at && decided.radius !== null ? nearbyOf(photos.points, { ...at, radius: decided.radius }, decided.heading) : [],
    },
  };
}
