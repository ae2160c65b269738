// The numbers by which a query is answered. They come with the pack, from the core, so that both answer alike.

import { numberOf, objectOf } from "./checks.js";

/**
 * @typedef {{within_m: number, limit: number, spare: number, half_m: number, least_share: number, same_item_m: number}} NearbyRules
 * @typedef {{k: number, least_confidence: number, voters: number, agree_m: number, agree_heading_deg: number,
 *   sharpness: number, twin: number, most_neighbours: number, most_rivals: number, nearby: NearbyRules}} QueryRules
 */

/** The numbers of packs that were written before packs carried them. They never change. @type {QueryRules} */
export const BEFORE = Object.freeze({
  k: 10, least_confidence: 0.5, voters: 20, agree_m: 25, agree_heading_deg: 45, sharpness: 20, twin: 40, most_neighbours: 200, most_rivals: 10_000,
  nearby: Object.freeze({ within_m: 300, limit: 5, spare: 3, half_m: 100, least_share: 0.1, same_item_m: 1000 }),
});

/** The least and the most that each may be. @type {Record<string, [number, number]>} */
const RANGES = {
  k: [1, 1000], least_confidence: [0, 1], voters: [1, 1000], agree_m: [0.1, 10_000], agree_heading_deg: [0, 180],
  sharpness: [0, 1000], twin: [0, 10_000], most_neighbours: [1, 100_000], most_rivals: [1, 1_000_000],
};
/** @type {Record<string, [number, number]>} */
const NEARBY_RANGES = { within_m: [0, 100_000], limit: [0, 100], spare: [1, 100], half_m: [0.1, 100_000], least_share: [0, 1], same_item_m: [0, 100_000] };

/** @param {any} value the object `query` of photos.bin; undefined in old packs @returns {QueryRules} */
export function checkedQuery(value) {
  if (value === undefined) return BEFORE;
  const query = objectOf(value, "query");
  for (const [name, [least, most]] of Object.entries(RANGES)) numberOf(query[name], `query.${name}`, least, most);
  const nearby = objectOf(query.nearby, "query.nearby");
  for (const [name, [least, most]] of Object.entries(NEARBY_RANGES)) numberOf(nearby[name], `query.nearby.${name}`, least, most);
  return /** @type {QueryRules} */ (query);
}
