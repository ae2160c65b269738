// The places of a map: its photos by cells of a grid on the ground, and which places lie near others.
// The same as viewfix/track/places.py; a test compares both.

const METRES_PER_DEGREE = 111_320; // the scale of the grid; distances do not depend on it
const LON_CELLS = 2 ** 25;
const LAT_OFFSET = 2 ** 23;
const FINE_STEPS = 6; // a longer reach is searched on a coarser grid, so that its cost does not grow with the reach
const SPACING_SAMPLE = 256;
const RAD = Math.PI / 180;

/** @param {number} lon into [-180, 180) */
function wrapped(lon) {
  const turned = (lon + 180) % 360;
  return (turned < 0 ? turned + 360 : turned) - 180;
}

/** Degrees from one longitude to another, the short way round. @param {number} to @param {number} from */
function lonApart(to, from) {
  const apart = to - from;
  return apart - 360 * Math.round(apart / 360);
}

/** The length of a degree of latitude and of longitude, in metres. @param {number} lat @returns {[number, number]} */
export function metresPerDegree(lat) {
  const a = lat * RAD;
  const north = 111_132.954 - 559.822 * Math.cos(2 * a) + 1.175 * Math.cos(4 * a);
  return [north, 111_412.84 * Math.cos(a) - 93.5 * Math.cos(3 * a) + 0.118 * Math.cos(5 * a)];
}

/** @param {number} row @param {number} cellM */
function columnsPerDegree(row, cellM) {
  const middle = Math.min(Math.max(((row + 0.5) * cellM) / METRES_PER_DEGREE, -89.999), 89.999);
  return (METRES_PER_DEGREE * Math.cos(middle * RAD)) / cellM;
}

/** The number of a cell: below 2^53, from south to north, then from west to east. @param {number} lat @param {number} lon @param {number} cellM */
function cellKey(lat, lon, cellM) {
  const row = Math.floor((lat * METRES_PER_DEGREE) / cellM);
  return (row + LAT_OFFSET) * LON_CELLS + LON_CELLS / 2 + Math.floor(wrapped(lon) * columnsPerDegree(row, cellM));
}

/** The first index whose value is at least `wanted`. @param {Float64Array} sorted @param {number} wanted */
function firstFrom(sorted, wanted) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The middle of some values, which are put in order; the mean of the two in the middle. @param {Float64Array} values */
export function median(values) {
  values.sort();
  const half = values.length >> 1;
  return values.length % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/** Indices spread evenly over `count` things, at most `most` of them. @param {number} count @param {number} most */
export function spread(count, most) {
  const wanted = Math.min(count, most);
  const step = wanted > 1 ? (count - 1) / (wanted - 1) : 0;
  return Array.from({ length: wanted }, (_, k) => (k && k === wanted - 1 ? count - 1 : Math.floor(k * step)));
}

export class Places {
  /**
   * Group photos into places.
   * @param {Float64Array} lats @param {Float64Array} lons of the photos, degrees @param {number} cellM
   */
  constructor(lats, lons, cellM) {
    this.cellM = cellM;
    const ofPhoto = Float64Array.from(lats, (lat, i) => cellKey(lat, lons[i], cellM));
    /** The cells with photos, ascending. */
    this.keys = Float64Array.from(new Set(ofPhoto)).sort();
    this.count = this.keys.length;
    this.lats = new Float64Array(this.count);
    this.lons = new Float64Array(this.count);
    /** The place of each photo. */
    this.of = Int32Array.from(ofPhoto, (key) => firstFrom(this.keys, key));
    const [held, first] = [new Int32Array(this.count), new Float64Array(this.count)];
    this.of.forEach((place, photo) => {
      if (!held[place]++) first[place] = lons[photo];
      this.lats[place] += lats[photo];
      this.lons[place] += lonApart(lons[photo], first[place]);
    });
    for (let i = 0; i < this.count; i++) {
      this.lats[i] /= held[i];
      this.lons[i] = wrapped(first[i] + this.lons[i] / held[i]);
    }
    const lengths = Array.from(this.lats, metresPerDegree);
    this.north = Float64Array.from(lengths, ([north]) => north);
    this.east = Float64Array.from(lengths, ([, east]) => east);
    /** @type {Map<number, {keys: Float64Array, members: Int32Array}>} */
    this.levels = new Map([[0, { keys: this.keys, members: Int32Array.from(this.keys, (_, i) => i) }]]);
    /** The median distance from a place to the nearest other one, metres. */
    this.spacingM = this.measuredSpacing();
  }

  /** Metres east and north of a point to a place. @param {{lat: number, lon: number}} from @param {number} place @returns {[number, number]} */
  offsetFrom({ lat, lon }, place) {
    const [north, east] = metresPerDegree(lat);
    return [lonApart(this.lons[place], lon) * east, (this.lats[place] - lat) * north];
  }

  /** @param {number} from @param {number} to places @returns {number} */
  eastOf(from, to) {
    return lonApart(this.lons[to], this.lons[from]) * this.east[from];
  }

  /** @param {number} from @param {number} to places @returns {number} */
  northOf(from, to) {
    return (this.lats[to] - this.lats[from]) * this.north[from];
  }

  /** @param {number} from @param {number} to places */
  apart(from, to) {
    const [east, north] = [this.eastOf(from, to), this.northOf(from, to)];
    return Math.sqrt(east * east + north * north);
  }

  /**
   * Places within a reach of any of these, ascending; some more, in the corners, may be among them. Of a reach of many
   * cells, only one place for each coarser cell.
   * @param {ArrayLike<number>} centres @param {number} reachM
   */
  near(centres, reachM) {
    let level = 0;
    while (reachM > FINE_STEPS * this.cellM * 2 ** level && level < 20) level++;
    const { keys, members } = this.level(level);
    const cellM = this.cellM * 2 ** level;
    const steps = Math.floor(reachM / cellM) + 1;
    /** @type {Set<number>} */
    const found = new Set();
    const gather = (/** @type {number} */ base, /** @type {number} */ scale, /** @type {number} */ west, /** @type {number} */ east) => {
      const [low, high] = [Math.max(west, -180), Math.min(east, 180)];
      if (high < low) return;
      const last = base + Math.floor(high * scale);
      for (let i = firstFrom(keys, base + Math.floor(low * scale)); i < keys.length && keys[i] <= last; i++) found.add(members[i]);
    };
    for (let i = 0; i < centres.length; i++) {
      const lon = this.lons[centres[i]];
      const middle = Math.floor((this.lats[centres[i]] * METRES_PER_DEGREE) / cellM);
      for (let row = middle - steps; row <= middle + steps; row++) {
        const scale = columnsPerDegree(row, cellM);
        const half = Math.min((reachM + cellM) / cellM / scale, 180);
        const base = (row + LAT_OFFSET) * LON_CELLS + LON_CELLS / 2;
        gather(base, scale, lon - half, lon + half);
        if (lon - half < -180) gather(base, scale, lon - half + 360, lon + half + 360); // across the 180th meridian
        if (lon + half > 180) gather(base, scale, lon - half - 360, lon + half - 360);
      }
    }
    return Int32Array.from(found).sort();
  }

  /** The cells of a grid that is 2^level times coarser, and the first place in each. @param {number} level */
  level(level) {
    const known = this.levels.get(level);
    if (known) return known;
    /** @type {Map<number, number>} */
    const first = new Map();
    for (let i = 0; i < this.count; i++) {
      const key = cellKey(this.lats[i], this.lons[i], this.cellM * 2 ** level);
      if (!first.has(key)) first.set(key, i);
    }
    const keys = Float64Array.from(first.keys()).sort();
    const made = { keys, members: Int32Array.from(keys, (key) => first.get(key) ?? 0) };
    this.levels.set(level, made);
    return made;
  }

  measuredSpacing() {
    const nearest = [];
    for (const place of this.count < 2 ? [] : new Set(spread(this.count, SPACING_SAMPLE))) {
      let closest = Infinity;
      for (let reachM = 2 * this.cellM; closest === Infinity && reachM < 1e5; reachM *= 4) {
        for (const other of this.near([place], reachM)) if (other !== place) closest = Math.min(closest, this.apart(place, other));
      }
      if (closest < Infinity) nearest.push(closest);
    }
    return nearest.length ? Math.max(this.cellM, median(Float64Array.from(nearest))) : this.cellM;
  }
}
