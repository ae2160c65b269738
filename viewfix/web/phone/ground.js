// The map of the app: the photos of the pack, and the answers.

import { mapButtons, scaleBar } from "../shared/controls.js";
import { credits } from "../shared/credits.js";
import { element } from "../shared/dom.js";
import { FixMap } from "../shared/fixmap.js";
import { boxAround } from "../shared/ground.js";
import { language, named, t, translate } from "../shared/language.js";
import { isDark, onTheme } from "../shared/theme.js";

const QUIET_MS = 120;
const CELL_PX = 48; // of a cluster: smaller ones would overlap

/**
 * @typedef {object} GroundOptions
 * @property {import("./engine.js").Engine} engine
 * @property {import("./layout.js").Layout} parts
 * @property {any} about what the worker reports about the pack
 * @property {(index: number) => void} onCandidate
 * @property {(index: number) => void} onSight
 * @property {(at: [number, number]) => void} onGround a tap on nothing, longitude and latitude
 * @property {(index: number) => Promise<string>} picture the address of a thumbnail
 */

export class Ground {
  /** @param {GroundOptions} options */
  constructor(options) {
    this.options = options;
    /** @type {FixMap | null} null if the browser cannot draw a map */
    this.drawing = null;
    this.scale = scaleBar();
    this.timer = 0;
  }

  async start() {
    const { parts, about } = this.options;
    const basemap = about.basemap ? { kind: /** @type {const} */ ("pmtiles"), url: new URL("../basemap.pmtiles", import.meta.url).href } : null;
    try {
      this.drawing = await FixMap.make(parts.map, {
        basemap,
        dark: isDark(),
        language: language(),
        margins: () => this.margins(),
        onPhoto: (photo, at) => this.openPhoto(photo, at),
        onCandidate: this.options.onCandidate,
        onSight: this.options.onSight,
        onGround: this.options.onGround,
        onMoved: (map) => this.moved(map),
      });
    } catch (error) {
      console.warn(error);
      parts.map.append(element("p", { class: "no-map", "data-t": "page.no_map_drawing" }, t("page.no_map_drawing")));
      return;
    }
    parts.corner.append(mapButtons(this.drawing.map, () => this.lookAtWhole()));
    parts.foot.prepend(this.scale.element);
    onTheme((dark) => this.drawing?.setLook({ dark, language: language() }));
    this.inWords();
    this.lookAtWhole({ jump: true });
  }

  /** The language changed. */
  inWords() {
    translate(this.options.parts.corner);
    this.drawing?.setLabel(t("map.label"));
  }

  changeLanguage() {
    this.inWords();
    this.drawing?.setLook({ dark: isDark(), language: language() });
  }

  lookAtWhole({ jump = false } = {}) {
    const [west, south, east, north] = this.options.about.bounds;
    const isPoint = west === east && south === north;
    this.drawing?.lookAtBox(isPoint ? boxAround([west, south], 100) : [[west, south], [east, north]], { jump });
  }

  /** @param {import("../shared/types.js").Answer | null} answer @param {{look?: boolean}} [how] */
  show(answer, { look = true } = {}) {
    this.drawing?.showAnswer(answer);
    this.drawing?.showSights((answer?.properties.nearby ?? []).map(named));
    if (!look || !answer) return;
    if (answer.geometry) this.drawing?.lookAtAnswer();
    else this.lookAtWhole(); // not in this map: what the map does cover
  }

  /** @param {import("../shared/path.js").Path | null} path of a moving camera; null for none @param {boolean} isLost */
  showPath(path, isLost) {
    this.drawing?.showPath(path?.collection() ?? { type: "FeatureCollection", features: [] });
    this.options.parts.map.classList.toggle("is-lost", isLost);
  }

  /** Follow a moving fix: the map moves only when the fix comes near the edge. @param {import("../shared/types.js").Answer} answer */
  follow(answer) {
    const isFirst = !this.drawing?.answer?.geometry;
    this.show(answer, { look: isFirst });
    if (!answer.geometry || isFirst) return;
    if (!this.drawing?.isInView(answer.geometry.coordinates)) this.drawing?.lookAt(answer.geometry.coordinates);
  }

  /** @param {number} index */
  choose(index) {
    this.drawing?.choose(index);
  }

  /** @param {{lat: number, lon: number}} position */
  lookAt({ lat, lon }) {
    this.drawing?.lookAt([lon, lat]);
  }

  /** Draw a way, and look at the whole of it. @param {[number, number][] | null} line latitude, longitude @param {boolean} look */
  showWay(line, look) {
    const points = line?.map(([lat, lon]) => /** @type {[number, number]} */ ([lon, lat])) ?? null;
    this.drawing?.showWay(points);
    if (!points || !look) return;
    const [lons, lats] = [points.map(([lon]) => lon), points.map(([, lat]) => lat)];
    const spare = (Math.max(...lons) - Math.min(...lons)) * 0.2; // the buttons of the map lie over its right edge
    this.drawing?.lookAtBox([[Math.min(...lons), Math.min(...lats)], [Math.max(...lons) + spare, Math.max(...lats)]]);
  }

  /** Open a popup with something to choose. @param {[number, number]} at longitude, latitude @param {HTMLElement} content */
  openOffer(at, content) {
    this.drawing?.openPopup(at, content);
  }

  closeOffer() {
    this.drawing?.closePopup();
  }

  margins() {
    const { panel, map } = this.options.parts;
    const { clientWidth, clientHeight } = map;
    const box = panel.getBoundingClientRect();
    const isBeside = box.width < clientWidth * 0.7;
    return isBeside ? { top: 16, right: 64, bottom: 16, left: box.right } : { top: 84, right: 8, bottom: clientHeight - box.top, left: 8 };
  }

  /** @param {any} map */
  moved(map) {
    this.scale.draw(map);
    this.credit(map);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(async () => {
      const box = map.getBounds();
      const view = { west: box.getWest(), south: box.getSouth(), east: box.getEast(), north: box.getNorth() };
      this.drawing?.showPhotos(await this.options.engine.ask("coverage", { view, cells: map.getContainer().clientWidth / CELL_PX }));
    }, QUIET_MS);
  }

  /** Show the credits of the base map and of the sights. @param {any} map */
  credit(map) {
    const sources = Object.values(map.getStyle()?.sources ?? {}).map((/** @type {any} */ each) => each.attribution);
    const loaded = Object.keys(map.getStyle()?.sources ?? {}).map((name) => map.getSource(name)?.attribution);
    const owed = [...sources, ...loaded, ...this.options.about.credits].filter(Boolean);
    this.options.parts.foot.querySelector(".map-credits")?.replaceChildren(credits(owed));
  }

  /** @param {{id: string, heading_deg: number | null, thumbnail: string | null}} photo @param {[number, number]} at */
  async openPhoto(photo, at) {
    const content = element("figure", { class: "popup" });
    if (photo.thumbnail) {
      const source = await this.options.picture(Number(photo.thumbnail)).catch(() => null);
      if (source) content.append(element("img", { src: source, alt: t("map.photo") }));
    }
    content.append(element("figcaption", {}, photo.id));
    this.drawing?.openPopup(at, content);
  }
}

