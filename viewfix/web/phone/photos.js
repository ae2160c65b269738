// The photos of a pack by number: where they were taken, what is known about them, and their search index.

import { readBundle } from "./bundle.js";
import { integerOf, listOf, numberOf, objectOf, refuse, textOf, textOrNull } from "./checks.js";
import { checkedPoints, pointsOf } from "./nearby.js";
import { checkedQuery } from "./query.js";
import { Index } from "./search.js";
import { checkedTrackModel } from "./track/model.js";

const DEGREE = 1e7; // one step is about a centimetre
const NO_HEADING = 65535;
const MOST_PHOTOS = 1_000_000;
const MOST_DIM = 16_384;
const WEIGHTS = ["bias", "similarity", "margin", "agreement", "density", "stranger"];
/** The fields of a view and of a camera, and their ranges. @type {Record<string, Record<string, [number, number]>>} */
const ORIGINS = {
  views: {
    yaw_deg: [0, 360 - 1e-9], pitch_deg: [-90, 90], field_of_view_deg: [1e-9, 180 - 1e-9], time_s: [0, 1e308],
    roll_deg: [-180 + 1e-9, 180],
  },
  cameras: {
    focal_px: [1e-308, 1e308], focal_35mm: [1e-308, 1e308], width_px: [1e-308, 1e308], height_px: [1e-308, 1e308],
    pitch_deg: [-90, 90], roll_deg: [-180, 180], altitude_m: [-1e6, 1e6],
  },
};

export class Photos {
  /**
   * @param {ArrayBuffer} bundle photos.bin
   * @param {any} points the value of points.json
   * @param {import("./manifest.js").Manifest} manifest
   * @throws {import("./checks.js").PackError} if either breaks a rule of docs/spec/pack.md
   */
  constructor(bundle, points, manifest) {
    const { about, arrays } = readBundle(bundle);
    this.about = about;
    this.count = integerOf(about.photos, "photos", 1, MOST_PHOTOS);
    const dim = integerOf(about.dim, "dim", 1, MOST_DIM);
    this.mapName = textOf(about.map, "map");
    textOf(about.title, "title");
    checkArrays(arrays, this.count, dim, manifest.parts["thumbnails.bin"]?.bytes ?? 0);
    checkTexts(about, this.count);
    checkOrigins(about, this.count);
    checkNumbers(about, dim);
    this.calibration = about.calibration;
    this.query = checkedQuery(about.query);
    /** The numbers that a moving camera is followed by; null in packs that were written before there were any. */
    this.track = about.track === undefined ? null : checkedTrackModel(about.track);
    this.lats = Float64Array.from(arrays.lats, (each) => each / DEGREE);
    this.lons = Float64Array.from(arrays.lons, (each) => each / DEGREE);
    this.headings = arrays.headings;
    this.radii = arrays.radii;
    this.thumbnails = arrays.thumbnails ?? null;
    this.index = new Index(dim, arrays.rows, arrays.scales, arrays.middle);
    this.points = pointsOf(checkedPoints(points));
    if (about.points !== this.points.all.length || manifest.photos !== this.count) refuse("the counts of photos or points of interest do not agree");
  }

  /** @param {number} index */
  id(index) {
    return this.about.ids[index];
  }

  /** Where the photo looked, degrees; null if that is not known. @param {number} index */
  heading(index) {
    const stored = this.headings[index];
    return stored === NO_HEADING ? null : stored / 100;
  }

  /** A photo as candidates show it, without its similarity. @param {number} index */
  describe(index) {
    const credit = this.about.credits[this.about.credit_of ? this.about.credit_of[index] : 0];
    const radius = this.radii ? this.radii[index] : NaN;
    return {
      id: this.id(index),
      position: { lat: this.lats[index], lon: this.lons[index], radius_m: Number.isNaN(radius) ? null : radius },
      heading_deg: this.heading(index),
      taken_at: this.about.taken_at ? this.about.taken_at[index] : null,
      attribution: credit.attribution ?? null,
      licence: credit.licence ?? null,
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

/** @param {Record<string, any>} arrays @param {number} count @param {number} dim @param {number} thumbnailBytes of thumbnails.bin */
function checkArrays(arrays, count, dim, thumbnailBytes) {
  /** @type {[string, any, number][]} */
  const wanted = [
    ["rows", Int8Array, count * dim], ["scales", Float32Array, count], ["middle", Float32Array, dim], ["lats", Int32Array, count],
    ["lons", Int32Array, count], ["headings", Uint16Array, count], ["radii", Float32Array, count], ["thumbnails", Uint32Array, count + 1],
  ];
  for (const [name, kind, length] of wanted) {
    if (arrays[name] === undefined && ["radii", "thumbnails"].includes(name)) continue;
    if (!(arrays[name] instanceof kind) || arrays[name].length !== length) refuse(`the array ${name} is not ${length} numbers of its kind`);
  }
  const every = (/** @type {string} */ name, /** @type {(each: number, index: number) => boolean} */ holds) => arrays[name] === undefined || arrays[name].every(holds);
  if (!every("scales", (each) => each > 0 && each < Infinity)) refuse("a scale is not a positive number");
  if (!every("middle", Number.isFinite)) refuse("the middle holds what is not a number");
  if (!every("lats", (each) => Math.abs(each) <= 90 * DEGREE)) refuse("a latitude is not from -90 to 90");
  if (!every("lons", (each) => Math.abs(each) <= 180 * DEGREE)) refuse("a longitude is not from -180 to 180");
  if (!every("headings", (each) => each < 36000 || each === NO_HEADING)) refuse("a heading is not below 360");
  if (!every("radii", (each) => Number.isNaN(each) || (each >= 0 && each < Infinity))) refuse("a radius is below 0");
  const ends = arrays.thumbnails;
  if (!every("thumbnails", (end, index) => (index === 0 ? end === 0 : end >= ends[index - 1]))) refuse("thumbnails do not follow each other");
  if ((ends?.[count] ?? 0) !== thumbnailBytes) refuse("thumbnails are not those of thumbnails.bin");
}

/** @param {Record<string, any>} about @param {number} count */
function checkTexts(about, count) {
  for (const each of listOf(about.ids, "ids", count)) textOf(each, "an id");
  const credits = listOf(about.credits, "credits");
  if (!credits.length) refuse("credits are empty");
  for (const each of credits) for (const name of ["attribution", "licence"]) textOrNull(objectOf(each, "a credit")[name], name);
  checkChoice(about.credit_of, "credit_of", credits.length, count);
  if (about.taken_at === undefined) return;
  for (const each of listOf(about.taken_at, "taken_at", count)) {
    if (textOrNull(each, "a time") !== null && Number.isNaN(Date.parse(each))) refuse(`${each.slice(0, 40)} is not a time`);
  }
}

/** @param {any} values @param {string} name @param {number} among @param {number} count */
function checkChoice(values, name, among, count) {
  if (values === undefined) return;
  for (const each of listOf(values, name, count)) integerOf(each, `a value of ${name}`, 0, among - 1);
}

/** Views and cameras, both optional. @param {Record<string, any>} about @param {number} count */
function checkOrigins(about, count) {
  for (const [list, fields] of Object.entries(ORIGINS)) {
    if (about[list] === undefined) continue;
    for (const each of listOf(about[list], list, list === "views" ? count : null)) {
      if (each === null) continue;
      for (const [name, value] of Object.entries(objectOf(each, list))) {
        if (!Object.hasOwn(fields, name)) refuse(`${name.slice(0, 40)} is not a field of ${list}`);
        numberOf(value, name, ...fields[name]);
      }
    }
  }
  if (about.cameras !== undefined) checkChoice(about.camera_of ?? [], "camera_of", about.cameras.length, count);
}

/** Calibration, check picture and preprocessing. @param {Record<string, any>} about @param {number} dim */
function checkNumbers(about, dim) {
  const calibration = objectOf(about.calibration, "calibration");
  for (const name of WEIGHTS) numberOf(calibration[name], `calibration.${name}`, -1e6, 1e6);
  numberOf(calibration.radius_m, "calibration.radius_m", 0, 1e6);
  integerOf(calibration.photos, "calibration.photos", 0, 2 ** 31);
  if (calibration.share_found !== undefined) numberOf(calibration.share_found, "calibration.share_found", 0, 1);
  const check = objectOf(about.check, "check");
  integerOf(check.side_px, "check.side_px", 1, 2048);
  numberOf(check.least_cosine, "check.least_cosine", 0, 1);
  for (const each of listOf(check.descriptor, "check.descriptor", dim)) numberOf(each, "a number of check.descriptor", -1.001, 1.001);
  const model = objectOf(about.model, "model");
  for (const name of ["name", "fingerprint"]) textOf(model[name], `model.${name}`);
  checkPreprocessing(objectOf(model.preprocessing, "model.preprocessing"));
}

/** @param {Record<string, any>} rules */
function checkPreprocessing(rules) {
  if (!["exact", "area"].includes(rules.sizing)) refuse("preprocessing.sizing is unknown");
  if (!["bilinear", "bicubic"].includes(rules.interpolation)) refuse("preprocessing.interpolation is unknown");
  if (!["NHWC uint8", "NCHW float32"].includes(rules.layout)) refuse("preprocessing.layout is unknown");
  for (const name of ["width_px", "height_px"]) integerOf(rules[name], `preprocessing.${name}`, 1, 4096);
  integerOf(rules.multiple_px, "preprocessing.multiple_px", 1, 1024);
  numberOf(rules.longest_aspect, "preprocessing.longest_aspect", 1, 100);
  for (const name of ["mean", "std"]) for (const each of listOf(rules[name], `preprocessing.${name}`, 3)) numberOf(each, `preprocessing.${name}`);
  if (rules.std.includes(0)) refuse("preprocessing.std holds a 0");
}
