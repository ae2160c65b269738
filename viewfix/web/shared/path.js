// The path of a moving camera, as lines for the map: a new line begins where the place was lost, or where it jumped.

const MOST_POINTS = 5000; // the oldest are dropped
const LEAST_M = 2;
const JUMP_M = 150;
const FASTEST_MPS = 70;
const METRES_PER_DEGREE = 111_320;

/** @typedef {{at: [number, number], timeS: number}} Spot  longitude and latitude */

export class Path {
  constructor() {
    /** @type {Spot[][]} */
    this.lines = [[]];
  }

  /**
   * @param {[number, number] | null} at longitude and latitude; null where the camera was not found
   * @param {number} timeS
   * @returns {boolean} whether the drawing changes
   */
  add(at, timeS) {
    const line = this.lines[this.lines.length - 1];
    const last = line[line.length - 1];
    if (at === null) {
      if (line.length) this.lines.push([]);
      return false;
    }
    const apart = last ? metres(last.at, at) : 0;
    if (last && apart < LEAST_M) return false;
    if (last && apart > JUMP_M + FASTEST_MPS * (timeS - last.timeS)) this.lines.push([{ at, timeS }]);
    else line.push({ at, timeS });
    if (this.lines.reduce((count, each) => count + each.length, 0) > MOST_POINTS) this.shorten();
    return true;
  }

  shorten() {
    this.lines[0].shift();
    if (!this.lines[0].length && this.lines.length > 1) this.lines.shift();
  }

  /** @returns {import("./types.js").Collection} */
  collection() {
    const coordinates = this.lines.filter((line) => line.length > 1).map((line) => line.map(({ at }) => at));
    const feature = { type: "Feature", geometry: { type: "MultiLineString", coordinates }, properties: {} };
    return { type: "FeatureCollection", features: coordinates.length ? [feature] : [] };
  }

  /** West, south, east and north of all points; null without any. @returns {[[number, number], [number, number]] | null} */
  box() {
    const spots = this.lines.flat().map(({ at }) => at);
    if (!spots.length) return null;
    const [lons, lats] = [spots.map(([lon]) => lon), spots.map(([, lat]) => lat)];
    return [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
  }
}

/** Exact enough for short distances. @param {[number, number]} from @param {[number, number]} to */
function metres([lon, lat], [otherLon, otherLat]) {
  const apart = Math.abs(otherLon - lon);
  const east = Math.min(apart, 360 - apart) * Math.cos((lat * Math.PI) / 180);
  return METRES_PER_DEGREE * Math.hypot(east, otherLat - lat);
}
