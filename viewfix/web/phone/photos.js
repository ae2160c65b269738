// The files of a pack's map go in; photos by number come out: where they were taken, what is known of them, and their index.

import { readBundle } from "./bundle.js";
import { pointsOf } from "./nearby.js";
import { Index } from "./search.js";

const DEGREE = 1e7; // a centimetre
const NO_HEADING = 65535;

export class Photos {
  /** @param {ArrayBuffer} bundle photos.bin @param {import("./nearby.js").Point[]} points of interest */
  constructor(bundle, points) {
    const { about, arrays } = readBundle(bundle);
    this.about = about;
    this.calibration = about.calibration;
    this.mapName = about.map;
    this.count = about.photos;
    this.lats = Float64Array.from(arrays.lats, (each) => each / DEGREE);
    this.lons = Float64Array.from(arrays.lons, (each) => each / DEGREE);
    this.headings = arrays.headings;
    this.radii = arrays.radii;
    this.thumbnails = arrays.thumbnails ?? null;
    this.index = new Index(about.dim, arrays.rows, arrays.scales, arrays.middle);
    this.points = pointsOf(points);
  }

  /** @param {number} index */
  id(index) {
    return this.about.ids[index];
  }

  /** Where it looked, degrees; null where that is not known. @param {number} index */
  heading(index) {
    const stored = this.headings[index];
    return stored === NO_HEADING ? null : stored / 100;
  }

  /** As candidates are told, without their similarity. @param {number} index */
  describe(index) {
    const credit = this.about.credits[this.about.credit_of ? this.about.credit_of[index] : 0];
    const radius = this.radii ? this.radii[index] : NaN;
    return {
      id: this.id(index),
      position: { lat: this.lats[index], lon: this.lons[index], radius_m: Number.isNaN(radius) ? null : radius },
      heading_deg: this.heading(index),
      taken_at: this.about.taken_at ? this.about.taken_at[index] : null,
      attribution: credit.attribution,
      licence: credit.licence,
      thumbnail: this.hasThumbnail(index) ? `../thumbnails/${index}` : null,
    };
  }

  /** @param {number} index */
  hasThumbnail(index) {
    return this.thumbnails !== null && this.thumbnails[index + 1] > this.thumbnails[index];
  }

  /** West, south, east, north of all photos, degrees. */
  bounds() {
    let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < this.count; i++) {
      [west, east] = [Math.min(west, this.lons[i]), Math.max(east, this.lons[i])];
      [south, north] = [Math.min(south, this.lats[i]), Math.max(north, this.lats[i])];
    }
    return [west, south, east, north];
  }
}
