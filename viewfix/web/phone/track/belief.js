// The belief of a track: how likely each place, direction of travel and speed is, on the map and off it.
// The same as viewfix/track/belief.py; a test compares both.

/** The bins of the direction of travel, and of the direction of the camera: north, north-east, and so on. */
export const DIRECTIONS = 8;
export const BIN_DEG = 360 / DIRECTIONS;

const MOST_PLACES = 300;
const MOST_VALUES = 4096;
const LEAST = 1e-7;
const NEGLIGIBLE = 1e-4; // the share that is given back to all places alike

/**
 * Probabilities that sum to 1: those of `on`, `off`, `restOn` and `restOff` together. `on` and `off` hold DIRECTIONS times
 * `speeds` numbers for each place: the camera is there, or it has left the map and was last near there. `restOn` and
 * `restOff` are what is left for all places alike. `views` holds DIRECTIONS numbers for each place, the direction of the
 * camera if it is there; those of one place sum to 1.
 * @typedef {{places: Int32Array, speeds: number, on: Float64Array, off: Float64Array, views: Float64Array, restOn: number, restOff: number}} Belief
 *   `places` ascending
 */

/** Anywhere, on the map or off it. @param {number} speeds @returns {Belief} */
export function unknown(speeds) {
  const none = new Float64Array(0);
  return { places: new Int32Array(0), speeds, on: none, off: none, views: none, restOn: 0.5, restOff: 0.5 };
}

/** @param {Float64Array} values @param {number} [from] @param {number} [to] */
export function sum(values, from = 0, to = values.length) {
  let total = 0;
  for (let i = from; i < to; i++) total += values[i];
  return total;
}

/** The probability of each place on the map, without the rest. @param {Belief} belief */
export function onPlaces({ places, on, speeds }) {
  const size = DIRECTIONS * speeds;
  return Float64Array.from(places, (_, i) => sum(on, i * size, (i + 1) * size));
}

/** The probability of each place, on the map and off it. @param {Belief} belief */
export function weights({ places, on, off, speeds }) {
  const size = DIRECTIONS * speeds;
  return Float64Array.from(places, (_, i) => sum(on, i * size, (i + 1) * size) + sum(off, i * size, (i + 1) * size));
}

/** The probability of being off the map. @param {Belief} belief */
export function offMap({ off, restOff }) {
  return sum(off) + restOff;
}

/** The indices of the `most` largest values, the largest first. @param {Float64Array} values @param {number} most */
export function largest(values, most) {
  return Array.from(values, (_, i) => i).sort((a, b) => values[b] - values[a] || a - b).slice(0, most);
}

/** All places of both lists, once each, ascending. @param {Int32Array[]} lists */
export function union(...lists) {
  return Int32Array.from(new Set(lists.flatMap((list) => [...list]))).sort();
}

/** The same belief with more places, all with probability 0. @param {Belief} belief @param {Int32Array} places which contain the present ones, ascending @returns {Belief} */
export function expanded(belief, places) {
  const size = DIRECTIONS * belief.speeds;
  const on = new Float64Array(places.length * size);
  const off = new Float64Array(places.length * size);
  const views = new Float64Array(places.length * DIRECTIONS).fill(1 / DIRECTIONS);
  for (let i = 0, at = 0; i < belief.places.length; i++, at++) {
    while (places[at] !== belief.places[i]) at++;
    on.set(belief.on.subarray(i * size, (i + 1) * size), at * size);
    off.set(belief.off.subarray(i * size, (i + 1) * size), at * size);
    views.set(belief.views.subarray(i * DIRECTIONS, (i + 1) * DIRECTIONS), at * DIRECTIONS);
  }
  return { ...belief, places, on, off, views };
}

/** The places that hold all but a negligible part, ascending. @param {Float64Array} weight of each */
function likeliest(weight) {
  const enough = (1 - NEGLIGIBLE) * sum(weight);
  const order = largest(weight.map(Math.fround), MOST_PLACES);
  let [count, held] = [0, 0];
  while (count < order.length && (count === 0 || held < enough)) held += weight[order[count++]];
  return order.slice(0, count).sort((a, b) => a - b);
}

/**
 * The value above which all are kept: LEAST, or the one after which MOST_VALUES are left.
 * @param {Float64Array} on @param {Float64Array} off @param {number[]} keep the places that count @param {number} size of each
 */
function lineOf(on, off, keep, size) {
  const above = new Float64Array(on.length + off.length);
  let count = 0;
  for (const part of [on, off]) {
    for (const place of keep) {
      for (let i = place * size; i < (place + 1) * size; i++) if (part[i] > LEAST) above[count++] = part[i];
    }
  }
  return count > MOST_VALUES ? nth(above, count - MOST_VALUES, count) : LEAST;
}

/** The value at a place, if the first `count` were in order; some are moved. @param {Float64Array} values @param {number} wanted @param {number} count */
function nth(values, wanted, count) {
  let [low, high] = [0, count - 1];
  while (low < high) {
    const middle = values[(low + high) >> 1];
    let [i, j] = [low, high];
    while (i <= j) {
      while (values[i] < middle) i++;
      while (values[j] > middle) j--;
      if (i > j) break;
      const moved = values[i];
      values[i++] = values[j];
      values[j--] = moved;
    }
    if (wanted <= j) high = j;
    else if (wanted >= i) low = i;
    else break;
  }
  return values[wanted];
}

/** Round probabilities to 32 bits, then give small ones back to the rest. @param {Belief} belief @returns {Belief} */
export function pruned(belief) {
  const { speeds, places } = belief;
  const [on, off] = [belief.on.map(Math.fround), belief.off.map(Math.fround)];
  const size = DIRECTIONS * speeds;
  const keep = likeliest(weights({ ...belief, on, off }));
  const line = lineOf(on, off, keep, size);
  const kept = (/** @type {number} */ value) => (value > line ? value : 0);
  const isSome = (/** @type {number} */ place) => {
    for (let i = place * size; i < (place + 1) * size; i++) if (on[i] > line || off[i] > line) return true;
    return false;
  };
  const some = keep.filter(isSome);
  const part = (/** @type {Float64Array} */ values, /** @type {number} */ wide, /** @type {(value: number) => number} */ as) => {
    const made = new Float64Array(some.length * wide);
    some.forEach((place, i) => {
      for (let at = 0; at < wide; at++) made[i * wide + at] = as(values[place * wide + at]);
    });
    return made;
  };
  const [newOn, newOff] = [part(on, size, kept), part(off, size, kept)];
  return {
    places: Int32Array.from(some, (i) => places[i]),
    speeds,
    on: newOn,
    off: newOff,
    views: part(belief.views, DIRECTIONS, Math.fround),
    restOn: Math.max(belief.restOn + sum(belief.on) - sum(newOn), 0),
    restOff: Math.max(belief.restOff + sum(belief.off) - sum(newOff), 0),
  };
}

/**
 * Multiply by likelihoods, and make the sum 1 again.
 * @param {Belief} belief
 * @param {(place: number, speed: number) => number} likely of being on the map; `place` counts those of the belief
 * @param {number} restOn of being anywhere else on the map @param {number} off of being off the map
 * @returns {Belief}
 */
export function scaled(belief, likely, restOn, off) {
  const { speeds } = belief;
  const on = belief.on.map((value, i) => value * likely(Math.floor(i / (DIRECTIONS * speeds)), i % speeds));
  const total = sum(on) + (sum(belief.off) + belief.restOff) * off + belief.restOn * restOn;
  return {
    ...belief,
    on: on.map((each) => each / total),
    off: belief.off.map((each) => (each * off) / total),
    restOn: (belief.restOn * restOn) / total,
    restOff: (belief.restOff * off) / total,
  };
}
