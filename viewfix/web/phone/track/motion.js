// The motion of a belief: where the camera may be some time later, by its speed and direction of travel.
// The same as viewfix/track/motion.py, which explains the numbers; a test compares both.

import { BIN_DEG, DIRECTIONS, expanded, largest, sum, union, weights } from "./belief.js";

const LEAVE_S = 600;
const RETURN_S = 100;
const FOLLOWED_S = 60;
const FORGOTTEN_S = 300;
const LEAST_LANDING = 0.3;
const LEAST_WAY = 0.02;
const TAIL = 0.001;
const ANYWHERE = 0.001;
const STOP = 0.003;
const ANY_SPEED = 0.003;
const ANY_WAY = 0.5;
const VIEW_KEPT = 0.7;
const VIEW_TURN_DEG = 40;
const MOVED_SOURCES = 64;
const LIKELY_SPEED = 0.98;
const FASTER = 0.999;
const STEADY = 4;
const WIDE = 0.5;
const RAD = Math.PI / 180;

/** @typedef {import("./belief.js").Belief} Belief */
/** @typedef {import("./modes.js").Mode} Mode */
/** @typedef {import("./places.js").Places} Places */

/** The weight of each new speed, by column, for each old speed, by row. @param {Mode} mode @param {number} elapsedS */
function speedChanges({ speeds, acceleration }, elapsedS) {
  return speeds.map((speed, a) => {
    const gap = a + 1 < speeds.length ? speeds[a + 1] - speed : speed - speeds[a - 1];
    const step = (acceleration * elapsedS) / gap;
    const same = Math.exp(-step / STEADY);
    const other = speeds.map((_, b) => (a === b ? 0 : Math.max(step / (2 + step), WIDE) ** Math.abs(a - b)));
    const total = other.reduce((one, each) => one + each, 0);
    const near = other.map((each, b) => (a === b ? same : 0) + ((1 - same) * each) / total);
    return near.map((each, b) => (1 - STOP - ANY_SPEED) * each + ANY_SPEED / speeds.length + (b === 0 ? STOP : 0));
  });
}

/** The weight of a change from one direction to another, 1 for none. @param {number} sigmaDeg @param {number} floor */
function turns(sigmaDeg, floor) {
  const made = new Float64Array(DIRECTIONS * DIRECTIONS);
  for (let a = 0; a < DIRECTIONS; a++) {
    for (let b = 0; b < DIRECTIONS; b++) {
      const away = Math.abs(a - b) * BIN_DEG;
      const ratio = Math.min(away, 360 - away) / sigmaDeg;
      made[a * DIRECTIONS + b] = (1 - floor) * Math.exp(-(ratio * ratio) / 2) + floor;
    }
  }
  return made;
}

/**
 * The weight of a place at a distance, for each speed.
 * @param {Mode} mode @param {number} elapsedS @param {number} spacingM
 * @returns {(distanceM: number, into: Float64Array, from: number) => void}
 */
function landing({ speeds }, elapsedS, spacingM) {
  const widths = speeds.map((speed, v) => Math.max(spacingM, (v ? speed - speeds[v - 1] : speeds[1]) * elapsedS));
  return (distanceM, into, from) => {
    for (let v = 0; v < speeds.length; v++) {
      const off = Math.abs(distanceM - speeds[v] * elapsedS) / widths[v];
      const far = 1 + off * off;
      into[from + v] = Math.max(1 - off, 0) + TAIL / (far * far);
    }
  };
}

/**
 * The belief some time later, before the next frame is taken into account.
 * @param {Belief} belief @param {Places} places @param {Mode} mode @param {number} elapsedS
 * @param {Int32Array} seen places that the next frame looks like; they become part of the belief
 */
export function moved(belief, places, mode, elapsedS, seen) {
  const mixed = exchanged(belief, elapsedS);
  const followedS = Math.min(elapsedS, FOLLOWED_S);
  if (followedS === 0 || !belief.places.length) return seeded(expanded(mixed, union(belief.places, seen)), places);
  const likely = largest(weights(belief), MOVED_SOURCES).map((i) => belief.places[i]);
  const reached = places.near(likely, reachOf(belief, mode, followedS, LIKELY_SPEED) + places.spacingM);
  const wide = expanded(mixed, union(belief.places, seen, reached));
  const reachM = reachOf(belief, mode, followedS, FASTER) + 2 * places.spacingM;
  return seeded(displaced(wide, places, mode, followedS, reachM), places);
}

/** How far the camera has come, if its speed is among this share of the belief, or one bin above. @param {Belief} belief @param {Mode} mode @param {number} elapsedS @param {number} share */
function reachOf({ on, off, speeds: bins }, { speeds }, elapsedS, share) {
  const bySpeed = new Float64Array(bins);
  for (let i = 0; i < on.length; i++) bySpeed[i % bins] += on[i] + off[i];
  const total = sum(bySpeed);
  let [upto, v] = [bySpeed[0], 0];
  while (v < bins && upto / total < share) upto += bySpeed[++v] ?? 0;
  return speeds[Math.min(v + 1, bins - 1)] * elapsedS;
}

/** Exchange between on and off the map, and with the rest. @param {Belief} belief @param {number} elapsedS @returns {Belief} */
function exchanged(belief, elapsedS) {
  const changed = 1 - Math.exp(-elapsedS * (1 / LEAVE_S + 1 / RETURN_S));
  const leave = (changed * RETURN_S) / (LEAVE_S + RETURN_S);
  const back = (changed * LEAVE_S) / (LEAVE_S + RETURN_S);
  const keep = (1 - ANYWHERE) * Math.exp(-Math.max(elapsedS - FOLLOWED_S, 0) / FORGOTTEN_S);
  const on = belief.on.map((each, i) => each * (1 - leave) + belief.off[i] * back);
  const off = belief.off.map((each, i) => each * (1 - back) + belief.on[i] * leave);
  const restOn = belief.restOn * (1 - leave) + belief.restOff * back + (1 - keep) * sum(on);
  const restOff = belief.restOff * (1 - back) + belief.restOn * leave + (1 - keep) * sum(off);
  const kept = (/** @type {number} */ each) => each * keep;
  return { ...belief, on: on.map(kept), off: off.map(kept), restOn, restOff };
}

/** Give each place of the belief its part of the rest, with any speed and direction. @param {Belief} belief @param {Places} places @returns {Belief} */
function seeded(belief, { count }) {
  const { places, speeds } = belief;
  const n = places.length;
  if (!n) return belief;
  const size = DIRECTIONS * speeds;
  const [eachOn, eachOff] = [belief.restOn / count, belief.restOff / count];
  const views = belief.views.slice();
  for (let i = 0; i < n; i++) {
    const total = sum(belief.on, i * size, (i + 1) * size);
    const known = total / (total + eachOn + 1e-300);
    for (let a = i * DIRECTIONS; a < (i + 1) * DIRECTIONS; a++) views[a] = views[a] * known + (1 - known) / DIRECTIONS;
  }
  return {
    ...belief,
    on: belief.on.map((each) => each + eachOn / size),
    off: belief.off.map((each) => each + eachOff / size),
    views,
    restOn: belief.restOn - eachOn * n,
    restOff: belief.restOff - eachOff * n,
  };
}

/**
 * Pairs of places from one to the other of which the camera may have come.
 * @param {Belief} belief @param {Places} places @param {number} reachM
 */
function pairsOf(belief, places, reachM) {
  const weight = weights(belief);
  const [start, end, bearing, apart] = /** @type {number[][]} */ ([[], [], [], []]);
  for (let i = 0; i < weight.length; i++) {
    if (!(weight[i] > 0)) continue;
    for (let j = 0; j < weight.length; j++) {
      if (i === j) continue;
      const north = places.northOf(belief.places[i], belief.places[j]);
      if (north > reachM || north < -reachM) continue;
      const east = places.eastOf(belief.places[i], belief.places[j]);
      const square = east * east + north * north;
      if (square > reachM * reachM) continue;
      start.push(i);
      end.push(j);
      bearing.push((Math.round(Math.atan2(east, north) / RAD / BIN_DEG) + DIRECTIONS) % DIRECTIONS);
      apart.push(Math.sqrt(square));
    }
  }
  return { start, end, bearing, apart };
}

/** @param {Belief} belief @param {Places} places @param {Mode} mode @param {number} elapsedS @param {number} reachM @returns {Belief} */
function displaced(belief, places, mode, elapsedS, reachM) {
  const { speeds: V } = belief;
  const n = belief.places.length;
  const size = DIRECTIONS * V;
  const pairs = pairsOf(belief, places, reachM);
  const land = landing(mode, elapsedS, places.spacingM);
  const turn = turns(mode.turnDeg, mode.turnFloor);
  const staying = new Float64Array(V);
  land(0, staying, 0);
  const weight = new Float64Array(pairs.start.length * V);
  const ahead = new Float64Array(n * size); // by direction and speed: what lies there
  const ways = new Uint8Array(n * DIRECTIONS); // where any place is at all
  pairs.start.forEach((i, p) => {
    land(pairs.apart[p], weight, p * V);
    const way = i * DIRECTIONS + pairs.bearing[p];
    ways[way] = 1;
    for (let v = 0; v < V; v++) ahead[way * V + v] += weight[p * V + v];
  });
  const changes = speedChanges(mode, elapsedS);
  const on = withNewSpeeds(belief.on, changes);
  const off = withNewSpeeds(belief.off, changes);
  const [toOn, toOff] = [new Float64Array(n * size), new Float64Array(n * size)]; // what goes on, by its direction then
  for (let i = 0; i < n; i++) spreadOut({ i, V, ways, ahead, turn, staying, on, off, toOn, toOff });
  const stayed = Float64Array.from(belief.places, (_, i) => sum(on, i * size, (i + 1) * size));
  const flow = new Float64Array(pairs.start.length);
  pairs.start.forEach((i, p) => {
    const from = (i * DIRECTIONS + pairs.bearing[p]) * V;
    const to = (pairs.end[p] * DIRECTIONS + pairs.bearing[p]) * V;
    for (let v = 0; v < V; v++) {
      const w = weight[p * V + v];
      const moving = toOn[from + v] * w;
      flow[p] += moving;
      on[to + v] += moving;
      off[to + v] += toOff[from + v] * w;
    }
  });
  return { ...belief, on, off, views: turnedViews(belief.views, pairs, flow, stayed) };
}

/**
 * Divide what is at one place: `on` and `off` keep what stays, `off` gets what is lost, `toOn` and `toOff` what goes on.
 * @param {{i: number, V: number, ways: Uint8Array, ahead: Float64Array, turn: Float64Array, staying: Float64Array,
 *   on: Float64Array, off: Float64Array, toOn: Float64Array, toOff: Float64Array}} what
 */
function spreadOut({ i, V, ways, ahead, turn, staying, on, off, toOn, toOff }) {
  for (let a = 0; a < DIRECTIONS; a++) {
    let fit = 0;
    for (let b = 0; b < DIRECTIONS; b++) fit += ways[i * DIRECTIONS + b] * turn[b * DIRECTIONS + a];
    const open = Math.min(fit / LEAST_WAY, 1) / Math.max(fit, 1e-12);
    for (let v = 0; v < V; v++) {
      const at = (i * DIRECTIONS + a) * V + v;
      if (on[at] === 0 && off[at] === 0) continue;
      let reached = 0;
      for (let b = 0; b < DIRECTIONS; b++) reached += turn[a * DIRECTIONS + b] * ahead[(i * DIRECTIONS + b) * V + v];
      const usual = Math.max(reached / Math.max(fit, 1e-12) + staying[v], LEAST_LANDING);
      const lost = (on[at] + off[at]) * (1 - (reached * open + staying[v]) / usual);
      const [goesOn, goesOff] = [(on[at] / usual) * open, (off[at] / usual) * open];
      for (let b = 0; b < DIRECTIONS; b++) {
        const to = (i * DIRECTIONS + b) * V + v;
        const share = turn[b * DIRECTIONS + a];
        toOn[to] += share * goesOn;
        toOff[to] += share * goesOff;
      }
      on[at] = (on[at] / usual) * staying[v];
      off[at] = (off[at] / usual) * staying[v] + lost;
    }
  }
}

/** New speeds; a camera that stands may go on in any direction. @param {Float64Array} part @param {number[][]} changes */
function withNewSpeeds(part, changes) {
  const V = changes.length;
  const made = new Float64Array(part.length);
  for (let row = 0; row < part.length; row += V) {
    for (let a = 0; a < V; a++) {
      const value = part[row + a];
      if (value !== 0) for (let b = 0; b < V; b++) made[row + b] += value * changes[a][b];
    }
  }
  for (let place = 0; place < part.length; place += DIRECTIONS * V) {
    let mean = 0;
    for (let a = 0; a < DIRECTIONS; a++) mean += made[place + a * V] / DIRECTIONS;
    for (let a = 0; a < DIRECTIONS; a++) made[place + a * V] += ANY_WAY * (mean - made[place + a * V]);
  }
  return made;
}

/**
 * The direction of the camera at each place, from where the camera came.
 * @param {Float64Array} views @param {{start: number[], end: number[]}} pairs @param {Float64Array} flow of each pair
 * @param {Float64Array} stayed at each place
 */
function turnedViews(views, { start, end }, flow, stayed) {
  const kernel = turns(VIEW_TURN_DEG, 0);
  const whole = sum(kernel, 0, DIRECTIONS); // the same for each direction
  const before = new Float64Array(views.length);
  for (let i = 0; i < views.length; i++) {
    const place = i - (i % DIRECTIONS);
    for (let a = 0; a < DIRECTIONS; a++) {
      before[i] += views[place + a] * ((VIEW_KEPT * kernel[a * DIRECTIONS + (i % DIRECTIONS)]) / whole + (1 - VIEW_KEPT) / DIRECTIONS);
    }
  }
  const arrived = before.map((each, i) => each * stayed[Math.floor(i / DIRECTIONS)]);
  start.forEach((i, p) => {
    for (let a = 0; a < DIRECTIONS; a++) arrived[end[p] * DIRECTIONS + a] += flow[p] * before[i * DIRECTIONS + a];
  });
  for (let place = 0; place < arrived.length; place += DIRECTIONS) {
    const total = sum(arrived, place, place + DIRECTIONS);
    for (let a = place; a < place + DIRECTIONS; a++) arrived[a] = total > 0 ? arrived[a] / Math.max(total, 1e-300) : 1 / DIRECTIONS;
  }
  return arrived;
}
