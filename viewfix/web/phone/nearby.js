// A fix and the points of interest of the pack go in; those worth naming come out, with how far and on which side.
// The same as viewfix/locate/nearby.py; a test holds both against each other.

import { inverse, metresBetween, within, wrapHeading } from "./geodesy.js";

const WITHIN_M = 300;
const MOST = 5;
const SPARE = 3; // so many times what is named is looked at, as in the core: some are the same sight
const HALF_M = 100;
const SAME_THING_M = 1000;
const FAINT = 0.1;
const SIDES = ["ahead", "right", "behind", "left"];

/**
 * @typedef {{id: string, name: string, kind: string, position: {lat: number, lon: number}, names: Record<string, string>,
 *   links: Record<string, string>, notability: number, attribution: string | null, licence: string | null}} Point
 * @typedef {{all: Point[], lats: Float64Array, lons: Float64Array}} Points
 */

/** @param {Point[]} all @returns {Points} */
export function pointsOf(all) {
  return { all, lats: Float64Array.from(all, (p) => p.position.lat), lons: Float64Array.from(all, (p) => p.position.lon) };
}

/**
 * The sights to name at a place, the most worth naming first; no name and no sight twice.
 * @param {Points} points
 * @param {{lat: number, lon: number, radius: number}} at  radius in metres: it widens the reach
 * @param {number | null} heading where the photo looks, degrees
 */
export function nearbyOf(points, at, heading) {
  const reach = WITHIN_M + at.radius;
  const around = within(at, reach, points.lats, points.lons).map((index) => {
    const point = points.all[index];
    const { metres, bearing } = inverse(at, point.position);
    return { point, metres, bearing, worth: point.notability / (1 + metres / HALF_M) };
  });
  around.sort((a, b) => b.worth - a.worth || a.metres - b.metres);
  /** @type {typeof around} */
  const chosen = [];
  for (const each of around.slice(0, SPARE * MOST)) {
    if (chosen.length === MOST || each.worth < FAINT * around[0].worth) break;
    if (!chosen.some((other) => same(each.point, other.point))) chosen.push(each);
  }
  return chosen.map(({ point, metres, bearing }) => {
    const { notability, ...known } = point;
    const side = heading === null ? null : sideOf(bearing, heading);
    return { ...known, distance_m: Math.round(metres), bearing_deg: Math.round(bearing * 10) / 10, side };
  });
}

/** The quarter in which a bearing lies, from where somebody looks. @param {number} bearing @param {number} heading degrees */
export function sideOf(bearing, heading) {
  return SIDES[Math.floor(wrapHeading(bearing - heading + 45) / 90)];
}

const nameKey = (/** @type {string} */ name) => name.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean).join(" ");

/** Whether two points have one name, or are one sight that was mapped twice. @param {Point} a @param {Point} b */
function same(a, b) {
  if (nameKey(a.name) === nameKey(b.name)) return true;
  const item = a.links.wikidata?.split("/").pop();
  if (!item || item !== b.links.wikidata?.split("/").pop()) return false;
  return metresBetween(a.position, b.position) <= SAME_THING_M;
}
