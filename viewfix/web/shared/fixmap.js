/** The map: a base map, photos and an answer, and what was clicked on. */
import { Map as MapLibreMap, Marker, Popup } from "../vendor/maplibre-gl.mjs";
import { GRID_SOURCE, basemapStyle, grid, plain } from "./basemap.js";
import { wantsStillness } from "./dom.js";
import { fixDrawing } from "./fixmarker.js";
import { boxAround, circle } from "./ground.js";
import { CANDIDATES, CLICKABLE, FIX, LOOKS, PATH, PHOTOS, SIGHTS, WAY, lookPicture, overlay } from "./overlay.js";

const LEAST_SHOWN_M = 60; // around a fix: a circle of 3 m alone on the screen does not show where it is
const CLOSEST_ZOOM = 18.5;

/**
 * @typedef {object} FixMapOptions
 * @property {import("./basemap.js").Basemap | null} basemap
 * @property {boolean} dark
 * @property {string} language
 * @property {() => {top: number, right: number, bottom: number, left: number}} [margins] pixels that the page covers
 * @property {(photo: {id: string, heading_deg: number | null, thumbnail: string | null}, at: [number, number]) => void} [onPhoto]
 * @property {(index: number) => void} [onCandidate]
 * @property {(index: number) => void} [onSight]
 * @property {(at: [number, number]) => void} [onGround] a click on nothing
 * @property {(map: MapLibreMap) => void} [onMoved] after every move, and once at the start
 * @property {(error: Error) => void} [onFailure] the base map could not be loaded; the plain background is shown
 */

export class FixMap {
  /**
   * @param {HTMLElement} container
   * @param {FixMapOptions} options
   * @returns {Promise<FixMap>} rejected if the browser cannot draw a map (no WebGL)
   */
  static async make(container, options) {
    const made = new FixMap(options);
    made.map = new MapLibreMap({
      container,
      style: await made.style(),
      bounds: [[-25, 34], [45, 66]],
      attributionControl: false, // the page shows credits as text
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxPitch: 0,
      reduceMotion: wantsStillness(),
    });
    made.loaded = new Promise((go) => made.map.once("style.load", go));
    made.map.touchZoomRotate.disableRotation();
    made.map.keyboard.disableRotation();
    made.listen();
    return made;
  }

  /** @param {FixMapOptions} options */
  constructor(options) {
    this.options = options;
    /** @type {Record<string, import("./types.js").Collection>} */
    this.data = {};
    /** @type {import("./types.js").Answer | null} */
    this.answer = null;
    this.chosen = -1;
    /** @type {Marker | null} */
    this.marker = null;
    /** @type {Popup | null} */
    this.popup = null;
    /** @type {any} */
    this.map = null;
    this.styles = 0;
    /** @type {Promise<unknown>} until the first style is loaded */
    this.loaded = Promise.resolve();
  }

  /** Change to dark or light, to names in another language, or to another base map. @param {Partial<Pick<FixMapOptions, "dark" | "language" | "basemap">>} look */
  async setLook(look) {
    Object.assign(this.options, look);
    const wanted = ++this.styles;
    const style = await this.style();
    await this.loaded; // a style that is still loading cannot be changed, only discarded
    if (wanted === this.styles) this.map.setStyle(style); // of two changes at once, the later wins
  }

  /** Photos of the map in view: clusters and single ones. @param {import("./types.js").Collection} photos */
  showPhotos(photos) {
    this.set(PHOTOS, photos);
  }

  /** An answer, or null for none. @param {import("./types.js").Answer | null} answer */
  showAnswer(answer) {
    this.answer = answer;
    this.chosen = -1;
    this.marker?.remove();
    this.marker = null;
    this.closePopup();
    const at = answer?.geometry?.coordinates ?? null;
    const radius_m = answer?.properties.radius_m ?? null;
    const circles = at === null || radius_m === null ? [] : [feature(circle(at, radius_m))];
    this.set(FIX, collection(circles));
    this.showCandidates();
    this.showSights((answer?.properties.nearby ?? []).map((nearby) => nearby.name));
    if (at === null) return;
    const drawing = fixDrawing(answer?.properties.heading_deg ?? null);
    this.marker = new Marker({ element: drawing, rotationAlignment: "map", pitchAlignment: "map" });
    this.marker.setLngLat(at).addTo(this.map);
    drawing.removeAttribute("tabindex"); // a picture, not a button: the words beside the map say the same
    drawing.setAttribute("aria-hidden", "true");
    drawing.removeAttribute("aria-label");
    drawing.removeAttribute("role");
  }

  /** Names of the answer's sights, in their order, in the chosen language. @param {string[]} names */
  showSights(names) {
    const nearby = this.answer?.properties.nearby ?? [];
    const points = nearby.map((each, index) => feature(point(each.position), { index, name: names[index] ?? each.name }));
    this.set(SIGHTS, collection(points));
  }

  /** The path of a moving camera. @param {import("./types.js").Collection} lines */
  showPath(lines) {
    this.set(PATH, lines);
  }

  /** Highlight one of the candidates. @param {number} index -1 for none */
  choose(index) {
    this.chosen = index;
    this.showCandidates();
  }

  showCandidates() {
    const candidates = this.answer?.properties.candidates ?? [];
    const points = candidates.map((each, index) =>
      feature(point(each.position), {
        index, number: String(index + 1), chosen: index === this.chosen, rank: index === this.chosen ? -1 : index,
      }),
    );
    // Drawn from the last to the first, then the chosen one, so that the most important lies on top.
    points.reverse().sort((one, other) => Number(one.properties.chosen) - Number(other.properties.chosen));
    this.set(CANDIDATES, collection(points));
  }

  /** A way, or null for none. @param {[number, number][] | null} line longitude, latitude */
  showWay(line) {
    this.set(WAY, collection(line === null ? [] : [feature({ type: "LineString", coordinates: line })]));
  }

  /** Move to the answer: its circle and what lies around it. */
  lookAtAnswer() {
    const at = this.answer?.geometry?.coordinates;
    if (!at) return;
    this.lookAtBox(boxAround(at, Math.max(LEAST_SHOWN_M, 1.6 * (this.answer?.properties.radius_m ?? 0))));
  }

  /** Whether a point lies well inside the part of the map that can be seen. @param {[number, number]} at */
  isInView(at) {
    const { x, y } = this.map.project(at);
    const { top, right, bottom, left } = this.options.margins?.() ?? { top: 0, right: 0, bottom: 0, left: 0 };
    const { clientWidth, clientHeight } = this.map.getContainer();
    const [wide, high] = [clientWidth - left - right, clientHeight - top - bottom];
    return x > left + wide * 0.2 && x < left + wide * 0.8 && y > top + high * 0.2 && y < top + high * 0.8;
  }

  /** Move to a point, without zooming out. @param {[number, number]} at longitude, latitude */
  lookAt(at) {
    this.map.easeTo({ center: at, zoom: Math.max(this.map.getZoom(), 16), padding: this.margins(), retainPadding: false });
  }

  /** @param {[[number, number], [number, number]]} box south-west and north-east corner @param {{jump?: boolean}} [how] */
  lookAtBox(box, { jump = false } = {}) {
    const [[west, south], [east, north]] = box;
    const whole = [[west, south], [east < west ? east + 360 : east, north]]; // a map over the 180th meridian
    this.map.fitBounds(whole, { padding: this.margins(), maxZoom: CLOSEST_ZOOM, animate: !jump, retainPadding: false });
  }

  /** Open a popup at a point. @param {[number, number]} at @param {HTMLElement} content */
  openPopup(at, content) {
    this.closePopup();
    this.popup = new Popup({ maxWidth: "260px", offset: 10, closeButton: false });
    this.popup.setLngLat(at).setDOMContent(content).addTo(this.map);
  }

  closePopup() {
    this.popup?.remove();
    this.popup = null;
  }

  /** The name that a screen reader gives to the map. @param {string} label */
  setLabel(label) {
    this.map.getCanvas().setAttribute("aria-label", label);
  }

  // Private

  margins() {
    const { top, right, bottom, left } = this.options.margins?.() ?? { top: 0, right: 0, bottom: 0, left: 0 };
    const { clientWidth, clientHeight } = this.map.getContainer();
    const air = Math.min(48, clientWidth / 10);
    // Some of the map must be left, or MapLibre refuses to move.
    const [across, along] = [Math.max(clientWidth - left - right, 80), Math.max(clientHeight - top - bottom, 80)];
    const spareX = Math.min(air, across / 4);
    const spareY = Math.min(air, along / 4);
    return { top: top + spareY, right: right + spareX, bottom: bottom + spareY, left: left + spareX };
  }

  async style() {
    const { basemap, dark, language } = this.options;
    let base;
    try {
      base = await basemapStyle(basemap, { dark, language });
    } catch (error) {
      this.options.onFailure?.(/** @type {Error} */ (error));
      base = plain(dark);
    }
    const ours = overlay(this.data, dark);
    return { ...base, sources: { ...base.sources, ...ours.sources }, layers: [...base.layers, ...ours.layers] };
  }

  listen() {
    const { map, options } = this;
    map.setMissingStyleImageResolver(async (/** @type {string} */ id) => {
      if (Object.values(LOOKS).includes(id) && !map.hasImage(id)) map.addImage(id, lookPicture(id === LOOKS.dark), { pixelRatio: 2 });
    });
    const moved = () => {
      this.drawGrid();
      options.onMoved?.(map);
    };
    map.on("moveend", moved);
    map.on("resize", moved);
    map.on("style.load", () => {
      // Data that was set while the style was loading found no source.
      for (const [name, data] of Object.entries(this.data)) map.getSource(name)?.setData(data);
      moved();
    });
    for (const layer of Object.values(CLICKABLE)) {
      map.on("mouseenter", layer, () => (map.getCanvas().style.cursor = "pointer"));
      map.on("mouseleave", layer, () => (map.getCanvas().style.cursor = ""));
    }
    map.on("click", (/** @type {any} */ event) => this.clicked(event));
  }

  /** Handle a click: the topmost feature under it counts, with some room for fingers. */
  clicked({ point: { x, y }, lngLat }) {
    const layers = Object.values(CLICKABLE).filter((layer) => this.map.getLayer(layer));
    const [hit] = this.map.queryRenderedFeatures([[x - 5, y - 5], [x + 5, y + 5]], { layers });
    if (hit === undefined) return this.options.onGround?.([lngLat.lng, lngLat.lat]);
    const at = hit.geometry.coordinates.slice(0, 2);
    const { onPhoto, onCandidate, onSight } = this.options;
    if (hit.layer.id === CLICKABLE.cluster) this.map.easeTo({ center: at, zoom: this.map.getZoom() + 2 });
    else if (hit.layer.id === CLICKABLE.photo) onPhoto?.(hit.properties, at);
    else if (hit.layer.id === CLICKABLE.candidate) onCandidate?.(hit.properties.index);
    else onSight?.(hit.properties.index);
  }

  drawGrid() {
    const source = this.map.getSource(GRID_SOURCE);
    if (!source) return;
    const box = this.map.getBounds();
    source.setData(grid({ west: box.getWest(), south: box.getSouth(), east: box.getEast(), north: box.getNorth() }));
  }

  /** @param {string} name @param {import("./types.js").Collection} data */
  set(name, data) {
    this.data[name] = data; // kept for the next style
    this.map.getSource(name)?.setData(data);
  }
}

/** @param {object} geometry @param {Record<string, any>} [properties] */
function feature(geometry, properties = {}) {
  return { type: "Feature", geometry, properties };
}

/** @param {{lat: number, lon: number}} position */
function point({ lat, lon }) {
  return { type: "Point", coordinates: [lon, lat] };
}

/** @param {object[]} features @returns {import("./types.js").Collection} */
function collection(features) {
  return { type: "FeatureCollection", features };
}
