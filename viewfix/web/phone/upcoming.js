// Sights ahead: when a moving camera will pass them, and on which side. A sight is named only if it will be within
// sight, on that side, with a high probability. The same as viewfix/pois/upcoming.py; a test compares both.

import { Announcer as SharedAnnouncer } from "../shared/announcer.js";
import { inverse, within } from "./geodesy.js";
import { same } from "./nearby.js";

const AHEAD_M = 12; // a sight that is passed closer than this is "ahead"
const LEAST_MPS = 0.3;
const CORNER_M = 10;
const MOST_CORNERS = 400;
const STEP_DEG = 1e-5;
const MOST_PLACES = 500;
const MOST_SIGHTS = 200;
const MOST_SPREAD_M = 5000;
const RAD = Math.PI / 180;
const SIDES = /** @type {const} */ (["ahead", "left", "right"]);

/** What to name. */
export const AHEAD = Object.freeze({ horizonS: 60, sightM: 150, leastProbability: 0.8, leastNotability: 0.5, limit: 20 });

/** @typedef {import("./nearby.js").Point} Point */
/** @typedef {{lats: number[], lons: number[], weights: number[], heading: number, speed: number}} Moving  where the camera may be, and how it travels */
/** @typedef {Point & {in_s: number, side: "ahead" | "left" | "right", distance_m: number, probability: number}} Upcoming */

/**
 * The sights ahead within the horizon, nearest in time first; no sight twice.
 * @param {import("./nearby.js").Points} points @param {Moving} belief
 * @param {import("./query.js").NearbyRules} rules which points are one sight
 * @param {typeof AHEAD} [ahead]
 * @returns {Upcoming[]}
 */
export function upcoming(points, belief, rules, ahead = AHEAD) {
  const order = belief.weights.map((_, i) => i).sort((a, b) => belief.weights[b] - belief.weights[a] || a - b).slice(0, MOST_PLACES);
  const total = order.reduce((sum, i) => sum + belief.weights[i], 0);
  if (!order.length || total < ahead.leastProbability || belief.speed < LEAST_MPS) return [];
  const origin = { lat: belief.lats[order[0]], lon: belief.lons[order[0]] };
  const places = order.map((i) => ({ weight: belief.weights[i], ...plane(origin, { lat: belief.lats[i], lon: belief.lons[i] }) }));
  const spreadM = quantile(places.map(({ x, y }) => Math.hypot(x, y)), 0.95);
  const reachM = belief.speed * ahead.horizonS + ahead.sightM + Math.min(spreadM, MOST_SPREAD_M);
  const around = within(origin, reachM, points.lats, points.lons).map((index) => points.all[index]);
  around.sort((a, b) => b.notability - a.notability);
  const found = around.slice(0, MOST_SIGHTS).filter((point) => point.notability >= ahead.leastNotability)
    .map((point) => passed(point, plane(origin, point.position), places, belief, ahead)).filter((each) => each !== null);
  found.sort((a, b) => b.notability - a.notability || a.in_s - b.in_s);
  /** @type {Upcoming[]} */
  const chosen = [];
  for (const each of found) if (!chosen.some((other) => same(each, other, rules))) chosen.push(each);
  return chosen.sort((a, b) => a.in_s - b.in_s).slice(0, ahead.limit);
}

/** @param {{lat: number, lon: number}} origin @param {{lat: number, lon: number}} place metres east and north */
function plane(origin, place) {
  const { metres, bearing } = inverse(origin, place);
  return { x: metres * Math.sin(bearing * RAD), y: metres * Math.cos(bearing * RAD) };
}

/** @param {number[]} values @param {number} share */
function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/**
 * When and where a sight is passed; null if the probability of one side is not high enough.
 * @param {Point} point @param {{x: number, y: number}} spot @param {{x: number, y: number, weight: number}[]} places
 * @param {Moving} belief @param {typeof AHEAD} ahead
 * @returns {Upcoming | null}
 */
function passed(point, spot, places, { heading, speed }, { horizonS, sightM, leastProbability }) {
  const [sin, cos] = [Math.sin(heading * RAD), Math.cos(heading * RAD)];
  const corners = cornersOf(point);
  const met = [];
  for (const { x, y, weight } of places) {
    const [east, north] = [spot.x - x, spot.y - y];
    const edge = nearestEdge(corners, (point.outline?.length ?? 0) > 4, (corner) => ({
      along: (east + corner.x) * sin + (north + corner.y) * cos,
      aside: (east + corner.x) * cos - (north + corner.y) * sin, // to the right
    }));
    if (edge === null) continue;
    const { along, aside } = edge;
    const inS = along / speed;
    if (inS > horizonS || Math.abs(aside) > sightM) continue;
    met.push({ weight, inS, aside: Math.abs(aside), side: Math.abs(aside) <= AHEAD_M ? "ahead" : aside < 0 ? "left" : "right" });
  }
  /** @type {Upcoming | null} */
  let best = null;
  for (const side of SIDES) {
    const mine = met.filter((each) => each.side === side);
    const probability = mine.reduce((sum, { weight }) => sum + weight, 0);
    if (probability < leastProbability || (best !== null && probability <= best.probability)) continue;
    const median = (/** @type {"inS" | "aside"} */ what) => medianOf(mine.map((each) => [each[what], each.weight]));
    best = { ...point, in_s: median("inS"), side, distance_m: median("aside"), probability: Math.min(probability, 1) };
  }
  return best;
}

/**
 * Where a sight is met: of an area it is the edge that is nearest to the line of travel. Null if it lies behind or around.
 * @param {{x: number, y: number}[]} corners @param {boolean} isArea
 * @param {(corner: {x: number, y: number}) => {along: number, aside: number}} seen
 */
function nearestEdge(corners, isArea, seen) {
  const all = corners.map(seen);
  const away = ({ along, aside }) => (along >= 0 ? Math.abs(aside) : Infinity); // what lies behind has been passed
  const nearest = Math.min(...all.map(away));
  if (nearest === Infinity) return null;
  const spans = (/** @type {"along" | "aside"} */ what) => all.some((each) => each[what] < 0) && all.some((each) => each[what] > 0);
  const crosses = isArea && spans("aside");
  if (crosses && spans("along")) return null;
  const first = all.filter((each) => away(each) <= nearest + CORNER_M / 2).reduce((a, b) => (b.along < a.along ? b : a));
  return crosses ? { along: first.along, aside: 0 } : first;
}

/** @type {WeakMap<Point, {x: number, y: number}[]>} */
const known = new WeakMap();

/** Places every CORNER_M along the outline, in metres from the point; of a point without one, itself. @param {Point} point */
function cornersOf(point) {
  const found = known.get(point) ?? alongOutline(point);
  known.set(point, found);
  return found;
}

/** @param {Point} point */
function alongOutline({ position, outline = [] }) {
  if (outline.length < 4) return [{ x: 0, y: 0 }];
  const corners = Array.from({ length: outline.length / 2 }, (_, n) =>
    plane(position, { lat: position.lat + outline[2 * n] * STEP_DEG, lon: position.lon + outline[2 * n + 1] * STEP_DEG }));
  const found = [corners[0]];
  for (let n = 1; n < corners.length; n++) {
    const [from, to] = [corners[n - 1], corners[n]];
    const steps = Math.min(Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / CORNER_M)), Math.floor(MOST_CORNERS / corners.length) + 1);
    for (let step = 1; step <= steps; step++) found.push({ x: from.x + ((to.x - from.x) * step) / steps, y: from.y + ((to.y - from.y) * step) / steps });
  }
  return found;
}

/** The value below which half of the weight lies. @param {number[][]} pairs of a value and its weight */
function medianOf(pairs) {
  pairs.sort(([a], [b]) => a - b);
  const half = pairs.reduce((sum, [, weight]) => sum + weight, 0) / 2;
  let sum = 0;
  for (const [value, weight] of pairs) if ((sum += weight) >= half) return value;
  return pairs[pairs.length - 1][0];
}

/** Decides what to say now; see the shared one. */
export class Announcer extends SharedAnnouncer {
  /** @param {import("./query.js").NearbyRules} rules @param {{leadS?: number, perMinute?: number}} [how] */
  constructor(rules, how) {
    super((/** @type {any} */ one, /** @type {any} */ other) => same(one, other, rules), how);
  }
}
