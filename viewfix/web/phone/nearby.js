// The sights of the pack that are worth naming at a fix, with their distance and side.
// The same as viewfix/pois/nearby.py; a test compares both.

import { integerOf, listOf, numberOf, objectOf, refuse, textOf, textOrNull } from "./checks.js";
import { inverse, metresBetween, within, wrapHeading } from "./geodesy.js";

const MOST_CORNERS = 64;
const FARTHEST_STEPS = 1_000_000;
const SIDES = ["ahead", "right", "behind", "left"];

/**
 * @typedef {{id: string, name: string, kind: string, position: {lat: number, lon: number}, names: Record<string, string>,
 *   links: Record<string, string>, notability: number, attribution: string | null, licence: string | null,
 *   outline?: number[]}} Point
 * @typedef {{all: Point[], lats: Float64Array, lons: Float64Array}} Points
 */

/** @param {any} value of points.json @returns {Point[]} */
export function checkedPoints(value) {
  const points = listOf(value, "points.json");
  for (const point of points) {
    for (const name of ["id", "name", "kind"]) textOf(objectOf(point, "a point")[name], `${name} of a point`);
    for (const name of ["attribution", "licence"]) textOrNull(point[name], `${name} of a point`);
    const { lat, lon } = objectOf(point.position, "position of a point");
    numberOf(lat, "lat of a point", -90, 90);
    numberOf(lon, "lon of a point", -180, 180);
    numberOf(point.notability, "notability of a point", 0, 1e9);
    for (const name of ["names", "links"]) {
      for (const each of Object.values(objectOf(point[name], `${name} of a point`))) textOf(each, `one of the ${name} of a point`);
    }
    const outline = listOf(point.outline ?? [], "outline of a point", null, 2 * MOST_CORNERS);
    if (outline.length % 2) refuse("an outline has a latitude without a longitude");
    for (const each of outline) integerOf(each, "a number of an outline", -FARTHEST_STEPS, FARTHEST_STEPS);
  }
  return points;
}

/** @param {Point[]} all @returns {Points} */
export function pointsOf(all) {
  return { all, lats: Float64Array.from(all, (p) => p.position.lat), lons: Float64Array.from(all, (p) => p.position.lon) };
}

/**
 * The sights to name at a place, the most worth naming first; no name and no sight twice.
 * @param {Points} points
 * @param {{lat: number, lon: number, radius: number}} at  radius in metres: it widens the reach
 * @param {number | null} heading where the photo looks, degrees
 * @param {import("./query.js").NearbyRules} rules
 */
export function nearbyOf(points, at, heading, rules) {
  const reach = rules.within_m + at.radius;
  const around = within(at, reach, points.lats, points.lons).map((index) => {
    const point = points.all[index];
    const { metres, bearing } = inverse(at, point.position);
    return { point, metres, bearing, worth: point.notability / (1 + metres / rules.half_m) };
  });
  around.sort((a, b) => b.worth - a.worth || a.metres - b.metres);
  /** @type {typeof around} */
  const chosen = [];
  for (const each of around.slice(0, rules.spare * rules.limit)) {
    if (chosen.length === rules.limit || each.worth < rules.least_share * around[0].worth) break;
    if (!chosen.some((other) => same(each.point, other.point, rules))) chosen.push(each);
  }
  return chosen.map(({ point, metres, bearing }) => ({
    ...point,
    distance_m: Math.round(metres * 10) / 10,
    bearing_deg: (Math.round(bearing * 10) / 10) % 360,
    side: heading === null ? null : sideOf(bearing, heading),
  }));
}

/** The quarter in which a bearing lies, seen along a heading. @param {number} bearing @param {number} heading degrees */
export function sideOf(bearing, heading) {
  return SIDES[Math.floor(wrapHeading(bearing - heading + 45) / 90)];
}

const nameKey = (/** @type {string} */ name) => name.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean).join(" ");

/** Whether two points have one name, or are one sight that was mapped twice. @param {Point} a @param {Point} b @param {import("./query.js").NearbyRules} rules */
export function same(a, b, rules) {
  if (nameKey(a.name) === nameKey(b.name)) return true;
  const item = a.links.wikidata?.split("/").pop();
  if (!item || item !== b.links.wikidata?.split("/").pop()) return false;
  return metresBetween(a.position, b.position) <= rules.same_item_m;
}
