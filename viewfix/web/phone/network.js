// The roads for one mode: places on them, and the best way between two of these. viewfix/roads/network.py is the same.

import { AGAINST, ALONG, METRES_A_DEGREE, RADIANS, Search } from "./astar.js";
import { SPEED_KMH, WEIGHT } from "./speeds.js";
import { STEP_DEG } from "./roads.js";

const SNAP_M = [40, 150, 1000];
const SAME_M = 0.001;
const FERRY = "ferry";
/** @type {Record<string, number>} */
const MASKS = { walk: 0b000011, cycle: 0b001100, drive: 0b110000 };

/**
 * @typedef {{edge: number, at: number, lat: number, lon: number, away: number, part: number}} OnRoad  `at` and `away` in metres
 * @typedef {{edge: number, start: number, end: number}} Piece  metres from the start of the edge; backwards if start > end
 * @typedef {[number, number]} LatLon
 */

export class Network {
  /** @param {import("./roads.js").Graph} graph @param {string} mode "walk", "cycle" or "drive" */
  constructor(graph, mode) {
    this.graph = graph;
    this.mode = mode;
    const seconds = graph.kindTable.map(({ road }) => 3.6 / (SPEED_KMH[mode][road] ?? SPEED_KMH[mode][""]));
    const felt = graph.kindTable.map(({ road }, n) => seconds[n] * (WEIGHT[mode][road] ?? 1));
    const count = graph.starts.length;
    this.access = Uint8Array.from({ length: count }, (_, n) => graph.kindTable[graph.kinds[n]].access & MASKS[mode]);
    this.metres = Float64Array.from(graph.lengths, (each) => each / 10);
    this.secondsAMetre = Float64Array.from({ length: count }, (_, n) => seconds[graph.kinds[n]]);
    this.costs = Float64Array.from({ length: count }, (_, n) => this.metres[n] * felt[graph.kinds[n]]);
    this.middleLon = graph.lons.length ? Int32Array.from(graph.lons).sort()[graph.lons.length >> 1] * STEP_DEG : 0;
    this.search = new Search(graph, mode, this.access, this.metres, this.costs);
    this.parts = this.labelParts();
  }

  /** The part of the network to which every junction belongs; there is no way between two parts. */
  labelParts() {
    const { starts, ends, lats } = this.graph;
    const parents = Uint32Array.from({ length: lats.length }, (_, n) => n);
    const root = (/** @type {number} */ n) => {
      while (parents[n] !== n) n = parents[n] = parents[parents[n]];
      return n;
    };
    for (let edge = 0; edge < starts.length; edge++) if (this.access[edge]) parents[root(starts[edge])] = root(ends[edge]);
    return parents.map((_, n) => root(n));
  }

  /** The nearest place on a road of every part within reach. @param {LatLon} place @param {number} reach metres @returns {Map<number, OnRoad>} */
  snap([lat, lon], reach) {
    lon = this.middleLon + wrapped(lon - this.middleLon);
    const { graph } = this;
    const { starts, ends, lats, lons, firsts, shapeLats, shapeLons } = graph;
    const high = reach / METRES_A_DEGREE;
    const wide = high / Math.max(Math.cos(lat * RADIANS), 0.01);
    const [south, north, west, east] = [lat - high, lat + high, lon - wide, lon + wide].map((each) => each / STEP_DEG);
    /** @type {Map<number, OnRoad>} */
    const best = new Map();
    for (let edge = 0; edge < starts.length; edge++) {
      if (!this.access[edge] || graph.kindTable[graph.kinds[edge]].road === FERRY) continue; // no photo from the middle of a ferry line
      let [low, top, left, right] = [lats[starts[edge]], lats[starts[edge]], lons[starts[edge]], lons[starts[edge]]];
      const widen = (/** @type {number} */ y, /** @type {number} */ x) => {
        if (y < low) low = y;
        if (y > top) top = y;
        if (x < left) left = x;
        if (x > right) right = x;
      };
      widen(lats[ends[edge]], lons[ends[edge]]);
      for (let n = firsts[edge]; n < firsts[edge + 1]; n++) widen(shapeLats[n], shapeLons[n]);
      if (low > north || top < south || left > east || right < west) continue;
      const found = this.nearestOn(edge, lat, lon);
      if (found.away <= reach && this.isBetter(found, best.get(found.part))) best.set(found.part, found);
    }
    return best;
  }

  /** Whether a place is nearer; at a junction, where many are equal, a two-way road is better. @param {OnRoad} found @param {OnRoad} [known] */
  isBetter(found, known) {
    if (!known || found.away < known.away - SAME_M) return true;
    const isTwoWay = (/** @type {OnRoad} */ { edge }) => Boolean(this.access[edge] & ALONG && this.access[edge] & AGAINST);
    return found.away < known.away + SAME_M && isTwoWay(found) && !isTwoWay(known);
  }

  /** The places on roads that are nearest to two places and connected. @param {LatLon} from @param {LatLon} to @returns {[OnRoad, OnRoad] | null} */
  endsBetween(from, to) {
    for (const reach of SNAP_M) {
      const starts = this.snap(from, reach);
      const ends = starts.size ? this.snap(to, reach) : new Map();
      /** @type {[OnRoad, OnRoad] | null} */
      let best = null;
      for (const [part, start] of starts) {
        const end = ends.get(part);
        if (end && (!best || start.away + end.away < best[0].away + best[1].away)) best = [start, end];
      }
      if (best) return best;
    }
    return null;
  }

  /** The best way between two places on roads. @param {OnRoad} start @param {OnRoad} end @returns {Piece[] | null} */
  way(start, end) {
    return start.part === end.part ? this.search.way(start, end) : null;
  }

  /** The points of a piece in the direction of travel. @param {Piece} piece @returns {LatLon[]} */
  line({ edge, start, end }) {
    const points = this.pointsOf(edge);
    const length = this.metres[edge];
    const [low, high] = [Math.min(start, end), Math.max(start, end)];
    const cut = low > 0 || high < length ? part(points, length ? low / length : 0, length ? high / length : 1) : points;
    return start <= end ? cut : cut.reverse();
  }

  /** @param {number} edge @returns {LatLon[]} */
  pointsOf(edge) {
    const { starts, ends, lats, lons, firsts, shapeLats, shapeLons } = this.graph;
    /** @type {LatLon[]} */
    const points = [[lats[starts[edge]] * STEP_DEG, lons[starts[edge]] * STEP_DEG]];
    for (let n = firsts[edge]; n < firsts[edge + 1]; n++) points.push([shapeLats[n] * STEP_DEG, shapeLons[n] * STEP_DEG]);
    points.push([lats[ends[edge]] * STEP_DEG, lons[ends[edge]] * STEP_DEG]);
    return points;
  }

  /** @param {number} edge @param {number} lat @param {number} lon @returns {OnRoad} */
  nearestOn(edge, lat, lon) {
    const scale = Math.cos(lat * RADIANS);
    const points = this.pointsOf(edge).map(([a, b]) => [(b - lon) * scale * METRES_A_DEGREE, (a - lat) * METRES_A_DEGREE]);
    let [best, bestAt, along, bestX, bestY] = [Infinity, 0, 0, points[0][0], points[0][1]];
    for (let n = 1; n < points.length; n++) {
      const [[x0, y0], [x1, y1]] = [points[n - 1], points[n]];
      const [dx, dy] = [x1 - x0, y1 - y0];
      const size = dx * dx + dy * dy;
      const share = size ? Math.min(1, Math.max(0, -(x0 * dx + y0 * dy) / size)) : 0;
      const [x, y] = [x0 + share * dx, y0 + share * dy];
      const away = Math.hypot(x, y);
      if (away < best) [best, bestAt, bestX, bestY] = [away, along + share * Math.sqrt(size), x, y];
      along += Math.sqrt(size);
    }
    const at = along ? (bestAt / along) * this.metres[edge] : 0;
    const place = { lat: lat + bestY / METRES_A_DEGREE, lon: lon + bestX / (METRES_A_DEGREE * scale) };
    return { edge, at, ...place, away: best, part: this.parts[this.graph.starts[edge]] };
  }
}

const wrapped = (/** @type {number} */ degrees) => ((((degrees + 180) % 360) + 360) % 360) - 180;

/** The part of a line between two shares of its length. @param {LatLon[]} points @param {number} low @param {number} high @returns {LatLon[]} */
function part(points, low, high) {
  const scale = Math.cos(points[0][0] * RADIANS);
  const ends = [0];
  for (let n = 1; n < points.length; n++) {
    ends.push(ends[n - 1] + Math.hypot(points[n][0] - points[n - 1][0], (points[n][1] - points[n - 1][1]) * scale));
  }
  const [first, last] = [low, high].map((share) => share * ends[ends.length - 1]);
  return [along(points, ends, first), ...points.filter((_, n) => first < ends[n] && ends[n] < last), along(points, ends, last)];
}

/** @param {LatLon[]} points @param {number[]} ends @param {number} at @returns {LatLon} */
function along(points, ends, at) {
  let n = ends.findIndex((end) => end >= at);
  n = Math.min(Math.max(n < 0 ? points.length - 1 : n, 1), points.length - 1);
  const step = ends[n] - ends[n - 1];
  const share = step ? Math.min(1, Math.max(0, (at - ends[n - 1]) / step)) : 0;
  const [[lat0, lon0], [lat1, lon1]] = [points[n - 1], points[n]];
  return [lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0)];
}
