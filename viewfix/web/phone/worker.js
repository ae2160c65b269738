// The worker: answers messages with photos. Everything heavy happens here, so that the page stays responsive.

import { coverage } from "./coverage.js";
import { pixelsOf } from "./decode.js";
import { Follower } from "./follow.js";
import { locate } from "./locate.js";
import { findSights } from "./finding.js";
import { checkedManifest } from "./manifest.js";
import { Model } from "./model.js";
import { Photos } from "./photos.js";
import { leastSide } from "./pixels.js";
import { readRoads } from "./roads.js";
import { Router } from "./route.js";

/** @type {Photos} */
let photos;
/** @type {Router | null} null if the pack has no roads */
let router = null;
/** @type {Model} */
let model;
/** @type {Follower | null} */
let follower = null;

const file = (/** @type {string} */ name) => fetch(new URL(`../${name}`, import.meta.url));

/** @type {Record<string, (asked: any) => Promise<any>>} */
const TASKS = {
  async open() {
    const [bundle, listed, manifest] = await Promise.all([
      file("photos.bin").then((r) => r.arrayBuffer()),
      file("points.json").then((r) => r.json()),
      file("pack.json").then((r) => r.json()),
    ]);
    photos = new Photos(bundle, listed, checkedManifest(manifest));
    const { title, map, calibration, basemap } = photos.about;
    if (checkedManifest(manifest).files.some((each) => each.path === "roads.bin")) {
      router = new Router(readRoads(await (await file("roads.bin")).arrayBuffer()));
    }
    const points = photos.points.all;
    const credits = [...new Set(points.map((point) => [point.attribution, point.licence].filter(Boolean).join(", ")).concat(router?.graph.credit ?? "").filter(Boolean))];
    return { title, map, basemap: basemap === true, photos: photos.count, points: points.length, roads: router !== null, bounds: photos.bounds(), calibrated: calibration.photos > 0, shareFound: calibration.share_found ?? null, credits };
  },

  async prepare() {
    model = await Model.load(photos.about);
    return { engine: model.engine, likeness: model.likeness };
  },

  async locate({ photo, near, k }) {
    const began = performance.now();
    const picture = await pixelsOf(photo, leastSide(model.preprocessing));
    if (!(photo instanceof Blob)) photo.close();
    const decoded = performance.now();
    const descriptor = await model.describe(picture);
    const described = performance.now();
    const answer = locate(photos, descriptor, { near, k });
    const ended = performance.now();
    const spent = { decode_ms: decoded - began, model_ms: described - decoded, search_ms: ended - described };
    return { answer: { ...answer, properties: { ...answer.properties, took_ms: ended - began } }, spent };
  },

  /** The next frame of a moving camera: where it is by all frames since the first. */
  async follow({ frame, timeS, isFirst, near, mode }) {
    const picture = await pixelsOf(frame, leastSide(model.preprocessing));
    frame.close();
    const descriptor = await model.describe(picture);
    if (follower === null || isFirst || follower.mode !== mode) follower = new Follower(photos, mode);
    return follower.next(descriptor, timeS, near);
  },

  async describe({ photo }) {
    return model.describe(await pixelsOf(photo, leastSide(model.preprocessing)));
  },

  async ask({ descriptor, near, k }) {
    return locate(photos, descriptor, { near, k });
  },

  async find({ text }) {
    return findSights(photos.points.all, text);
  },

  async route({ from, to, heading, mode }) {
    return router?.route(from, to, { heading, mode }) ?? null;
  },

  async coverage({ view, cells }) {
    return coverage(photos, view, cells);
  },

  async thumbnail({ index }) {
    const [from, to] = [photos.thumbnails[index], photos.thumbnails[index + 1]];
    const range = { headers: { Range: `bytes=${from}-${to - 1}` } };
    const part = await fetch(new URL("../thumbnails.bin", import.meta.url), range);
    return new Blob([await part.arrayBuffer()], { type: "image/webp" });
  },
};

self.onmessage = async ({ data: { id, task, asked } }) => {
  try {
    self.postMessage({ id, result: await TASKS[task](asked) });
  } catch (error) {
    self.postMessage({ id, problem: error instanceof Error ? error.message : String(error) });
  }
};
