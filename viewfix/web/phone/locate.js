// The answer to one descriptor: retrieve, fuse, decide, name what is near.
// The same steps as viewfix/locate/query.py with verify="off"; tests compare the answers.

import { answer } from "./confidence.js";
import { fuse } from "./fuse.js";
import { within } from "./geodesy.js";
import { nearbyOf } from "./nearby.js";

const WIDER = 8; // times as many rivals are asked for in each round

/** @typedef {import("./fuse.js").Candidate} Candidate */
/** @typedef {import("./photos.js").Photos} Photos */
/** @typedef {{near?: {lat: number, lon: number, radius: number} | null, k?: number}} Question  radius in metres */

/**
 * @param {Photos} photos
 * @param {Float32Array} query a descriptor of length 1
 * @param {Question} [question] `k` candidates are given as evidence
 */
export function locate(photos, query, { near = null, k = photos.query.k } = {}) {
  const rules = photos.query;
  const among = near ? within(near, near.radius, photos.lats, photos.lons) : null;
  const candidates = retrieve(photos, query, Math.max(k, rules.voters), among);
  const rivals = retrieveRivals(photos, query, candidates, among !== null);
  const voters = candidates.slice(0, rules.voters);
  const consensus = fuse(voters, rivals, rules);
  const around = consensus ? within(consensus.position, rules.agree_m, photos.lats, photos.lons, rules.most_neighbours).length : 0;
  const best = consensus ? photos.id(voters[consensus.best].index) : "";
  const decided = answer(photos.calibration, consensus, around, best, rules);
  return answered(photos, decided, candidates.slice(0, k));
}

/** @param {Photos} photos @param {Float32Array} query @param {number} k @param {number[] | null} among @returns {Candidate[]} */
function retrieve(photos, query, k, among) {
  return photos.index.nearest(query, k, among).map(({ index, similarity }) => ({
    index,
    similarity,
    lat: photos.lats[index],
    lon: photos.lons[index],
    heading: photos.heading(index),
  }));
}

/**
 * What the winner among the candidates must lead: photos of the whole map, more and more until another place turns up.
 * @param {Photos} photos @param {Float32Array} query @param {Candidate[]} candidates @param {boolean} inRegion
 */
function retrieveRivals(photos, query, candidates, inRegion) {
  const rules = photos.query;
  let asked = rules.voters;
  let rivals = inRegion ? retrieve(photos, query, asked, null) : [];
  while (asked < Math.min(photos.count, rules.most_rivals)) {
    const consensus = fuse(candidates.slice(0, rules.voters), rivals, rules);
    if (!consensus || consensus.rival !== null) break;
    asked *= WIDER;
    rivals = retrieve(photos, query, asked, null);
  }
  return rivals;
}

const rounded = (/** @type {number} */ value, /** @type {number} */ places) => Number(value.toFixed(places));

/**
 * An answer as GeoJSON.
 * @param {Photos} photos @param {ReturnType<typeof answer>} decided @param {{index: number, similarity: number}[]} candidates
 */
export function answered(photos, decided, candidates) {
  const at = decided.position;
  const shown = candidates.map((each) => ({ ...photos.describe(each.index), similarity: rounded(each.similarity, 4), inliers: null }));
  const nearby = at && decided.radius !== null ? nearbyOf(photos.points, { ...at, radius: decided.radius }, decided.heading, photos.query.nearby) : [];
  const credits = [...shown.map((each) => each.attribution), ...nearby.map((each) => [each.attribution, each.licence].filter(Boolean).join(", "))];
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
      attribution: [...new Set(credits.filter(Boolean))],
      candidates: shown,
      nearby,
    },
  };
}
