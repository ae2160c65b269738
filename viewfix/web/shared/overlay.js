/** The sources, layers and pictures that viewfix draws over any base map: coverage, photos, fix, candidates, sights. */
import { GROUND } from "./basemap.js";

const EMPTY = Object.freeze({ type: "FeatureCollection", features: [] });

/** Names of the sources; FixMap sets their data. */
export const PHOTOS = "viewfix-photos";
export const FIX = "viewfix-fix";
export const CANDIDATES = "viewfix-candidates";
export const SIGHTS = "viewfix-sights";
export const PATH = "viewfix-path";
export const WAY = "viewfix-way";

/** Names of the picture of a photo's view. */
export const LOOKS = Object.freeze({ light: "viewfix-look-light", dark: "viewfix-look-dark" });

export const COLOURS = Object.freeze({
  light: { photo: "#2f7d6b", fix: "#0a66c2", candidate: "#5b4bb5", sight: "#8a5300", on: "#ffffff" },
  dark: { photo: "#67c2aa", fix: "#74b8ff", candidate: "#b5a8ff", sight: "#f0bf68", on: "#101418" },
});

/** Layers that can be clicked on, by what they show. */
export const CLICKABLE = Object.freeze({
  cluster: "viewfix-clusters", photo: "viewfix-single", candidate: "viewfix-candidate", sight: "viewfix-sight",
});

/**
 * @param {Record<string, import("./types.js").Collection>} data by the name of the source
 * @param {boolean} dark
 * @returns {{sources: Record<string, object>, layers: object[]}}
 */
export function overlay(data, dark) {
  const sources = Object.fromEntries(
    [PHOTOS, WAY, PATH, FIX, CANDIDATES, SIGHTS].map((name) => [name, { type: "geojson", data: data[name] ?? EMPTY }]),
  );
  const c = dark ? COLOURS.dark : COLOURS.light;
  const ground = dark ? GROUND.dark : GROUND.light;
  return { sources, layers: [...photoLayers(c, dark ? LOOKS.dark : LOOKS.light), ...wayLayers(c), ...pathLayers(c, ground), ...fixLayers(c), ...sightLayers(c, ground), ...candidateLayers(c)] };
}

/** @param {any} c colours @param {string} look name of a picture */
function photoLayers(c, look) {
  const isCluster = ["!", ["has", "id"]];
  const grown = ["min", ["sqrt", ["get", "count"]], 30];
  return [
    {
      // The heat rises to one tone and stays there: a street with one photo is covered like one with forty.
      id: "viewfix-coverage", type: "heatmap", source: PHOTOS,
      paint: {
        "heatmap-radius": ["interpolate", ["exponential", 2], ["zoom"], 10, 14, 16, 22, 18, 60, 20, 220],
        "heatmap-color": [
          "interpolate", ["linear"], ["heatmap-density"], 0, `${c.photo}00`, 0.02, `${c.photo}14`, 0.12, `${c.photo}3a`, 1, `${c.photo}44`,
        ],
      },
    },
    {
      id: "viewfix-looks", type: "symbol", source: PHOTOS, minzoom: 15,
      filter: ["all", ["!", isCluster], ["!=", ["get", "heading_deg"], null]],
      layout: {
        "icon-image": look, "icon-rotate": ["get", "heading_deg"], "icon-rotation-alignment": "map",
        "icon-allow-overlap": true, "icon-ignore-placement": true,
      },
      paint: { "icon-opacity": ["interpolate", ["linear"], ["zoom"], 15.5, 0, 17, 0.75] },
    },
    {
      id: CLICKABLE.photo, type: "circle", source: PHOTOS, filter: ["!", isCluster],
      paint: {
        "circle-color": c.photo, "circle-stroke-color": c.on,
        "circle-stroke-width": ["interpolate", ["linear"], ["zoom"], 15, 0, 17, 1], // rims of touching dots would hide the dots
        "circle-radius": ["interpolate", ["linear"], ["zoom"], 10, 1.8, 15, 2.5, 18, 5],
      },
    },
    {
      id: CLICKABLE.cluster, type: "circle", source: PHOTOS, filter: isCluster,
      paint: {
        "circle-color": c.photo, "circle-opacity": 0.9, "circle-stroke-color": c.on, "circle-stroke-width": 1.5,
        "circle-radius": ["+", 9, ["*", 0.5, grown]],
      },
    },
    {
      id: "viewfix-counts", type: "symbol", source: PHOTOS, filter: isCluster, paint: { "text-color": c.on },
      layout: { ...text(11, true), "text-field": ["to-string", ["get", "count"]], "text-allow-overlap": true },
    },
  ];
}

/** @param {any} c colours @param {any} ground */
function pathLayers(c, ground) {
  const layout = { "line-cap": "round", "line-join": "round" };
  return [
    { id: "viewfix-path-rim", type: "line", source: PATH, layout, paint: { "line-color": ground.halo, "line-width": 7, "line-opacity": 0.8 } },
    { id: "viewfix-path-line", type: "line", source: PATH, layout, paint: { "line-color": c.fix, "line-width": 4 } },
  ];
}

function fixLayers(c) {
  return [
    { id: "viewfix-circle", type: "fill", source: FIX, paint: { "fill-color": c.fix, "fill-opacity": 0.16 } },
    { id: "viewfix-rim", type: "line", source: FIX, paint: { "line-color": c.fix, "line-width": 2 } },
  ];
}

function wayLayers(c) {
  const round = { "line-cap": "round", "line-join": "round" };
  return [
    { id: "viewfix-way-rim", type: "line", source: WAY, layout: round, paint: { "line-color": c.on, "line-width": 9, "line-opacity": 0.9 } },
    { id: "viewfix-way", type: "line", source: WAY, layout: round, paint: { "line-color": c.fix, "line-width": 5 } },
  ];
}

function candidateLayers(c) {
  return [
    {
      id: CLICKABLE.candidate, type: "circle", source: CANDIDATES,
      paint: {
        "circle-color": ["case", ["get", "chosen"], c.candidate, c.on], "circle-stroke-color": c.candidate,
        "circle-stroke-width": 2, "circle-radius": ["case", ["get", "chosen"], 11, 9],
      },
    },
    {
      id: "viewfix-candidate-number", type: "symbol", source: CANDIDATES,
      paint: { "text-color": ["case", ["get", "chosen"], c.on, c.candidate] },
      // Of photos at one spot only the number of the best is drawn: two numbers on top of each other are unreadable.
      layout: { ...text(11, true), "text-field": ["get", "number"], "text-padding": 0, "symbol-sort-key": ["get", "rank"] },
    },
  ];
}

function sightLayers(c, ground) {
  return [
    {
      id: CLICKABLE.sight, type: "circle", source: SIGHTS,
      paint: { "circle-color": c.sight, "circle-radius": 5, "circle-stroke-color": c.on, "circle-stroke-width": 1.5 },
    },
    {
      id: "viewfix-sight-name", type: "symbol", source: SIGHTS,
      paint: { "text-color": c.sight, "text-halo-color": ground.halo, "text-halo-width": 1.6 },
      layout: {
        ...text(12.5, false), "text-field": ["get", "name"], "text-max-width": 9,
        "text-variable-anchor": ["top", "left", "right", "bottom"], "text-radial-offset": 0.8, "text-justify": "auto",
      },
    },
  ];
}

/** @param {number} size pixels @param {boolean} bold */
function text(size, bold) {
  return { "text-size": size, "text-font": [bold ? "Noto Sans Medium" : "Noto Sans Regular"] };
}

/**
 * The picture of a photo's view, drawn when the map asks for it: a wedge that opens upwards, north until it is turned.
 * @param {boolean} dark
 * @returns {ImageData}
 */
export function lookPicture(dark) {
  const side = 64;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const fading = pen.createRadialGradient(side / 2, side / 2, 4, side / 2, side / 2, side / 2);
  const colour = dark ? COLOURS.dark.photo : COLOURS.light.photo;
  fading.addColorStop(0, `${colour}cc`);
  fading.addColorStop(1, `${colour}00`);
  pen.fillStyle = fading;
  pen.beginPath();
  pen.moveTo(side / 2, side / 2);
  pen.arc(side / 2, side / 2, side / 2, -Math.PI * 0.68, -Math.PI * 0.32);
  pen.fill();
  return pen.getImageData(0, 0, side, side);
}
