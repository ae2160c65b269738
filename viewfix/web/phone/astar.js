// The best way between two places on the roads of one mode, by A*, without the turns that are forbidden. viewfix/roads/astar.py is the same.

import { Heap } from "./heap.js";
import { FASTEST_KMH } from "./speeds.js";
import { STEP_DEG } from "./roads.js";

/** @typedef {import("./network.js").OnRoad} OnRoad @typedef {import("./network.js").Piece} Piece */

export const METRES_A_DEGREE = 111_320;
export const RADIANS = Math.PI / 180;
export const ALONG = 0b010101;
export const AGAINST = 0b101010;
const SLACK = 0.97;
const AT_JUNCTION_M = 0.001;
/** The bits of a forbidden turn. @type {Record<string, number>} */
const TURN_OF = { walk: 0, cycle: 1, drive: 2 };

/**
 * The arcs of one mode. A state of the search is a junction. If some turns are forbidden, it is the arc that led to a
 * junction: twice the edge, plus 1 against its direction. Where the way starts at a junction, it is the number of arcs plus the junction.
 */
export class Search {
  /**
   * @param {import("./roads.js").Graph} graph @param {string} mode @param {Uint8Array} access of every edge
   * @param {Float64Array} metres @param {Float64Array} costs
   */
  constructor(graph, mode, access, metres, costs) {
    this.graph = graph;
    this.mode = mode;
    this.access = access;
    this.metres = metres;
    this.costs = costs;
    this.free = 2 * graph.starts.length;
    this.sortArcs();
    /** @type {Map<number, Set<number>>} */
    this.banned = new Map();
    for (const { come, go, modes } of graph.turns) {
      if (modes & TURN_OF[mode]) this.banned.set(come, (this.banned.get(come) ?? new Set()).add(go));
    }
  }

  /** List the arcs that leave every junction, in the order of edges. */
  sortArcs() {
    const { starts, ends, lats } = this.graph;
    const first = new Uint32Array(lats.length + 1);
    const each = (/** @type {(from: number, to: number, edge: number, along: number) => void} */ use) => {
      for (let edge = 0; edge < starts.length; edge++) if (this.access[edge] & ALONG) use(starts[edge], ends[edge], edge, 1);
      for (let edge = 0; edge < starts.length; edge++) if (this.access[edge] & AGAINST) use(ends[edge], starts[edge], edge, 0);
    };
    each((from) => first[from + 1]++);
    for (let n = 0; n < lats.length; n++) first[n + 1] += first[n];
    const at = first.slice();
    const total = first[lats.length];
    this.first = first;
    this.arcEdge = new Uint32Array(total);
    this.arcTo = new Uint32Array(total);
    this.arcAlong = new Uint8Array(total);
    each((from, to, edge, along) => {
      const n = at[from]++;
      this.arcEdge[n] = edge;
      this.arcTo[n] = to;
      this.arcAlong[n] = along;
    });
  }

  /** The best way, with a forbidden turn only if every way has one. @param {OnRoad} start @param {OnRoad} end @returns {Piece[] | null} */
  way(start, end) {
    return (this.banned.size ? this.wayBy(start, end, true) : null) ?? this.wayBy(start, end, false);
  }

  /** @param {OnRoad} start @param {OnRoad} end @param {boolean} byArc @returns {Piece[] | null} */
  wayBy(start, end, byArc) {
    let [best, last] = [this.direct(start, end), -1];
    const finish = new Map(this.endsOf(end, ALONG, AGAINST).map(([junction, cost, atStart]) => [junction, { cost, atStart }]));
    const count = this.graph.lats.length + (byArc ? this.free : 0);
    const costs = new Float64Array(count).fill(Infinity);
    const closed = new Float64Array(count).fill(Infinity);
    const edges = new Int32Array(count);
    const alongs = new Uint8Array(count);
    const before = new Int32Array(count).fill(-1);
    const heap = new Heap();
    for (const [junction, cost, atStart] of this.endsOf(start, AGAINST, ALONG)) {
      const arc = cost ? 2 * start.edge + (atStart ? 1 : 0) : this.free + junction;
      const state = byArc ? arc : junction;
      costs[state] = cost;
      edges[state] = start.edge;
      alongs[state] = atStart ? 0 : 1;
      heap.push(cost + this.estimate(junction, end), state);
    }
    while (heap.size) {
      const [total, state] = heap.pop();
      if (total >= best) break;
      const cost = costs[state];
      if (closed[state] <= cost) continue;
      closed[state] = cost;
      const junction = byArc ? this.junctionOf(state) : state;
      const there = finish.get(junction);
      const isForbidden = there && byArc && there.cost && this.isBanned(state, end.edge, junction);
      if (there && cost + there.cost < best && !isForbidden) [best, last] = [cost + there.cost, state];
      for (let n = this.first[junction]; n < this.first[junction + 1]; n++) {
        const edge = this.arcEdge[n];
        const onward = cost + this.costs[edge];
        const following = byArc ? 2 * edge + 1 - this.arcAlong[n] : this.arcTo[n];
        if (onward >= costs[following] || (byArc && this.isBanned(state, edge, junction))) continue;
        costs[following] = onward;
        edges[following] = edge;
        alongs[following] = this.arcAlong[n];
        before[following] = state;
        heap.push(onward + this.estimate(this.arcTo[n], end), following);
      }
    }
    if (best === Infinity) return null;
    if (last < 0) return [{ edge: start.edge, start: start.at, end: end.at }];
    const { atStart } = /** @type {{atStart: boolean}} */ (finish.get(byArc ? this.junctionOf(last) : last));
    const pieces = [{ edge: end.edge, start: atStart ? 0 : this.metres[end.edge], end: end.at }];
    for (let state = last; state >= 0; state = before[state]) {
      const edge = edges[state];
      const [from, to] = alongs[state] ? [0, this.metres[edge]] : [this.metres[edge], 0];
      pieces.push({ edge, start: before[state] >= 0 ? from : start.at, end: to });
    }
    return pieces.reverse();
  }

  /** @param {number} state */
  junctionOf(state) {
    if (state >= this.free) return state - this.free;
    return (state & 1 ? this.graph.starts : this.graph.ends)[state >> 1];
  }

  /** Whether one must not continue on an edge. Cars turn around only at the end of a road. @param {number} state @param {number} edge @param {number} junction */
  isBanned(state, edge, junction) {
    const turnsAround = this.mode !== "drive" || this.first[junction + 1] - this.first[junction] < 2;
    return (edge === state >> 1 && !turnsAround) || Boolean(this.banned.get(state)?.has(edge));
  }

  /** @param {OnRoad} start @param {OnRoad} end */
  direct(start, end) {
    if (start.edge !== end.edge || !(this.access[start.edge] & (start.at <= end.at ? ALONG : AGAINST))) return Infinity;
    return Math.abs(end.at - start.at) * this.costAMetre(start.edge);
  }

  /** @param {number} edge */
  costAMetre(edge) {
    return this.metres[edge] ? this.costs[edge] / this.metres[edge] : 0;
  }

  /**
   * The junctions between which a place lies, the cost from there, and whether it is the start of the edge.
   * @param {OnRoad} place @param {number} atStart @param {number} atEnd the access that is needed
   * @returns {[number, number, boolean][]}
   */
  endsOf({ edge, at }, atStart, atEnd) {
    const aMetre = this.costAMetre(edge);
    const [start, end] = [this.graph.starts[edge], this.graph.ends[edge]];
    const rest = (this.metres[edge] - at) * aMetre;
    if (at <= AT_JUNCTION_M) return [[start, 0, true]]; // a place at a junction needs no access to its edge
    if (this.metres[edge] - at <= AT_JUNCTION_M) return [[end, 0, false]];
    /** @type {[number, number, boolean][]} */
    let found = this.access[edge] & atStart ? [[start, at * aMetre, true]] : [];
    if (this.access[edge] & atEnd && !(found.length && start === end && found[0][1] <= rest)) {
      found = [...found.filter(([junction]) => junction !== end), [end, rest, false]];
    }
    return found;
  }

  /** A lower bound for the cost from a junction to the end. @param {number} junction @param {OnRoad} end */
  estimate(junction, end) {
    const y = this.graph.lats[junction] * STEP_DEG - end.lat;
    const x = (this.graph.lons[junction] * STEP_DEG - end.lon) * Math.cos(end.lat * RADIANS);
    return (SLACK * Math.hypot(x, y) * METRES_A_DEGREE * 3.6) / FASTEST_KMH[this.mode];
  }
}
