// The steps of a way, from where the camera looks. viewfix/roads/guidance.py is the same; a test compares both.

const LOOK_M = 20;
const SHORT_M = 30;
const STUB_M = 15;
const LEAST_STEP_M = 40;
const TURN_DEG = 50;
const METRES_A_DEGREE = 111_320;
const RADIANS = Math.PI / 180;
const [STAIRS, FERRY] = ["stairs", "ferry"];
const APART = new Set([STAIRS, FERRY]); // steps of their own
const PATHS = new Set(["footway", "path", "pedestrian", "track", "cycleway", "corridor", "bridleway", "elevator", "gate"]);

/**
 * @typedef {[number, number]} LatLon
 * @typedef {{name: string, surface: string, line: LatLon[], length: number, seconds: number}} Stretch
 * @typedef {object} Step
 * @property {string | null} turn null for the first step if it is not known where the camera looks; "arrive" for the last
 * @property {string | null} street null where it has no name
 * @property {string} surface "stairs", "ferry", "path" or "road"
 * @property {number} distance_m
 * @property {number} duration_s
 * @property {number} bearing_deg
 * @property {LatLon} at
 * @property {string | null} side where the destination lies at the end
 */

/** What a class of roads is, as far as it matters for words. @param {string} road */
export function surfaceOf(road) {
  return road === "steps" ? STAIRS : road === FERRY ? FERRY : PATHS.has(road) ? "path" : "road";
}

/** @param {Stretch[]} stretches @param {number | null} heading @param {LatLon} goal @returns {Step[]} */
export function stepsOf(stretches, heading, goal) {
  const legs = withoutPauses(joined(stretches).flatMap(splitAtTurns));
  /** @type {Step[]} */
  const steps = legs.map((leg, n) => {
    const bearing_deg = direction(leg.line);
    const was = n ? arriving(legs[n - 1]) : heading;
    const turn = was === null ? null : turnOf(bearing_deg - was);
    return { turn, street: leg.name || null, surface: leg.surface, distance_m: leg.length, duration_s: leg.seconds, bearing_deg, at: leg.line[0], side: null };
  });
  const last = legs.at(-1);
  if (last) {
    const [bearing_deg, at] = [arriving(last), last.line[last.line.length - 1]];
    const nothing = { street: null, distance_m: 0, duration_s: 0 };
    steps.push({ turn: "arrive", surface: last.surface, ...nothing, bearing_deg, at, side: sideOf(at, goal, bearing_deg) });
  }
  return steps;
}

/** The turn for a change of direction. @param {number} change degrees clockwise, of any size */
export function turnOf(change) {
  const turn = between(change);
  const size = Math.abs(turn);
  if (size < 25) return "ahead";
  if (size >= 165) return "around";
  const side = turn > 0 ? "right" : "left";
  return size < 50 ? `slightly ${side}` : size < 125 ? side : `sharp ${side}`;
}

/** @param {Stretch[]} stretches @returns {Stretch[]} */
function joined(stretches) {
  /** @type {Stretch[]} */
  const legs = [];
  for (const stretch of stretches) if (stretch.length > 0 || stretches.length === 1) add(legs, stretch);
  /** @type {Stretch[]} */
  const whole = [];
  for (const leg of legs) {
    if (whole.length > 1 && leg.name && whole[whole.length - 2].name === leg.name && isShort(whole[whole.length - 1], SHORT_M)) {
      const crossing = /** @type {Stretch} */ (whole.pop());
      const before = whole[whole.length - 1];
      whole[whole.length - 1] = glued(glued(before, crossing, before), leg, leg);
    } else whole.push(leg);
  }
  /** @type {Stretch[]} */
  const found = [];
  whole.forEach((leg, n) => {
    const before = found.at(-1);
    if (before && isShort(before, STUB_M)) found[found.length - 1] = glued(before, leg, leg);
    else if (before && n === whole.length - 1 && isShort(leg, STUB_M)) found[found.length - 1] = glued(before, leg, before);
    else add(found, leg);
  });
  return found;
}

/** @param {Stretch[]} legs @returns {Stretch[]} */
function withoutPauses(legs) {
  /** @type {Stretch[]} */
  const found = [];
  for (const leg of legs) {
    const before = found.at(-1);
    const goesOn = before && !APART.has(leg.surface) && !APART.has(before.surface) && (!leg.name || leg.name === before.name);
    if (goesOn && turnOf(direction(leg.line) - arriving(before)) === "ahead") found[found.length - 1] = glued(before, leg, before);
    else found.push(leg);
  }
  return found;
}

/** @param {Stretch[]} legs @param {Stretch} stretch */
function add(legs, stretch) {
  const before = legs.at(-1);
  const isAlike = before && before.name === stretch.name && (stretch.name || before.surface === stretch.surface);
  if (isAlike) legs[legs.length - 1] = glued(before, stretch, stretch);
  else legs.push(stretch);
}

/** @param {Stretch} leg @param {number} below metres */
const isShort = (leg, below) => leg.length < (leg.name || APART.has(leg.surface) ? below / 2 : below);

/** @param {Stretch} first @param {Stretch} second @param {Stretch} like @returns {Stretch} */
function glued(first, second, like) {
  const [lat, lon] = first.line[first.line.length - 1];
  const isSame = lat === second.line[0][0] && lon === second.line[0][1];
  const line = [...first.line, ...second.line.slice(isSame ? 1 : 0)];
  return { name: like.name, surface: like.surface, line, length: first.length + second.length, seconds: first.seconds + second.seconds };
}

/** @param {Stretch} leg @returns {Stretch[]} */
function splitAtTurns(leg) {
  if (leg.name || APART.has(leg.surface)) return [leg];
  const { line } = leg;
  const along = distancesAlong(line);
  const total = along[along.length - 1];
  const bend = (/** @type {number} */ n) =>
    Math.abs(between(bearing(line[n], pointAt(line, along, along[n] + LOOK_M)) - bearing(pointAt(line, along, along[n] - LOOK_M), line[n])));
  /** @type {number[]} */
  const cuts = [];
  for (let n = 1; n < line.length - 1; n++) {
    const from = cuts.length ? along[cuts[cuts.length - 1]] : 0;
    if (along[n] - from < LEAST_STEP_M || total - along[n] < LEAST_STEP_M) continue;
    const mine = bend(n);
    let isSharpest = mine >= TURN_DEG;
    for (let m = n + 1; isSharpest && m < line.length - 1 && along[m] - along[n] < LOOK_M; m++) isSharpest = mine >= bend(m);
    if (isSharpest) cuts.push(n);
  }
  const ends = [0, ...cuts, line.length - 1];
  return ends.slice(1).map((last, n) => {
    const share = total ? (along[last] - along[ends[n]]) / total : 1;
    return { ...leg, line: line.slice(ends[n], last + 1), length: leg.length * share, seconds: leg.seconds * share };
  });
}

/** The direction in which a line begins. @param {LatLon[]} line */
function direction(line) {
  const along = distancesAlong(line);
  return bearing(line[0], pointAt(line, along, Math.min(LOOK_M, along[along.length - 1])));
}

/** The direction in which one comes to the end of a leg. @param {Stretch} leg */
function arriving({ line }) {
  const back = [...line].reverse();
  const along = distancesAlong(back);
  return bearing(pointAt(back, along, Math.min(LOOK_M, along[along.length - 1])), back[0]);
}

/** @param {LatLon} end @param {LatLon} goal @param {number} bearing_deg */
function sideOf(end, goal, bearing_deg) {
  if (distancesAlong([end, goal])[1] < 5) return null;
  const turn = (((bearing(end, goal) - bearing_deg + 45) % 360) + 360) % 360;
  return ["ahead", "right", "behind", "left"][Math.min(Math.floor(turn / 90), 3)];
}

/** @param {LatLon[]} line @returns {number[]} metres of every point from the first one */
export function distancesAlong(line) {
  const along = [0];
  for (let n = 1; n < line.length; n++) {
    const [[lat0, lon0], [lat1, lon1]] = [line[n - 1], line[n]];
    const east = (lon1 - lon0) * Math.cos(((lat0 + lat1) / 2) * RADIANS);
    along.push(along[n - 1] + Math.hypot(lat1 - lat0, east) * METRES_A_DEGREE);
  }
  return along;
}

/** @param {LatLon[]} line @param {number[]} along @param {number} distance @returns {LatLon} */
function pointAt(line, along, distance) {
  if (distance <= 0) return line[0];
  for (let n = 1; n < line.length; n++) {
    if (along[n] < distance) continue;
    const step = along[n] - along[n - 1];
    const share = step ? (distance - along[n - 1]) / step : 0;
    const [[lat0, lon0], [lat1, lon1]] = [line[n - 1], line[n]];
    return [lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0)];
  }
  return line[line.length - 1];
}

/** @param {LatLon} from @param {LatLon} to */
function bearing(from, to) {
  const east = (to[1] - from[1]) * Math.cos(((from[0] + to[0]) / 2) * RADIANS);
  return ((Math.atan2(east, to[0] - from[0]) / RADIANS) % 360 + 360) % 360;
}

const between = (/** @type {number} */ degrees) => ((((degrees + 180) % 360) + 360) % 360) - 180;
