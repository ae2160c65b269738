// The way between two places on the roads of the pack. viewfix/roads/router.py is the same.

import { stepsOf, surfaceOf } from "./guidance.js";
import { Network } from "./network.js";

/** @typedef {{distance_m: number, duration_s: number, steps: import("./guidance.js").Step[], line: [number, number][]}} Route */

export class Router {
  /** @param {import("./roads.js").Graph} graph */
  constructor(graph) {
    this.graph = graph;
    /** @type {Map<string, Network>} */
    this.networks = new Map();
  }

  /** @param {string} mode */
  network(mode) {
    const known = this.networks.get(mode) ?? new Network(this.graph, mode);
    this.networks.set(mode, known);
    return known;
  }

  /**
   * @param {[number, number]} from latitude, longitude @param {[number, number]} to
   * @param {{mode?: string, heading?: number | null}} [how] where the camera looks
   * @returns {Route | null} null if no road is near, or there is no way
   */
  route(from, to, { mode = "walk", heading = null } = {}) {
    const network = this.network(mode);
    const ends = network.endsBetween(from, to);
    const pieces = ends && network.way(...ends);
    if (!pieces) return null;
    const stretches = pieces.map((piece) => this.stretch(network, piece));
    /** @type {[number, number][]} */
    const line = [];
    for (const stretch of stretches) {
      const last = line.at(-1);
      const isSame = last && last[0] === stretch.line[0][0] && last[1] === stretch.line[0][1];
      line.push(...(isSame ? stretch.line.slice(1) : stretch.line));
    }
    const goal = /** @type {[number, number]} */ ([to[0], to[1] + Math.round((line[line.length - 1][1] - to[1]) / 360) * 360]);
    return {
      distance_m: stretches.reduce((sum, each) => sum + each.length, 0),
      duration_s: stretches.reduce((sum, each) => sum + each.seconds, 0),
      steps: stepsOf(stretches, heading, goal),
      line,
    };
  }

  /** @param {Network} network @param {import("./network.js").Piece} piece @returns {import("./guidance.js").Stretch} */
  stretch(network, piece) {
    const { graph } = this;
    const length = Math.abs(piece.end - piece.start);
    return {
      name: graph.nameTable[graph.names[piece.edge]],
      surface: surfaceOf(graph.kindTable[graph.kinds[piece.edge]].road),
      line: network.line(piece),
      length,
      seconds: length * network.secondsAMetre[piece.edge],
    };
  }
}
