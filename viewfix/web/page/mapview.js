/** The map under the panel: a base map and the photos of a map of the server, loaded as the view moves. */
import { mapButtons, scaleBar } from "../shared/controls.js";
import { credits } from "../shared/credits.js";
import { element } from "../shared/dom.js";
import { language, named, t } from "../shared/language.js";
import { isDark } from "../shared/theme.js";

export const WIDE = matchMedia("(min-width: 760px), (max-height: 480px) and (min-width: 600px)");
const QUIET_MS = 150;

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class MapView {
  /**
   * @param {import("./service.js").Service} service
   * @param {{onCandidate: (index: number) => void, onSight: (index: number) => void, onFailure: (words: string) => void}} options
   */
  constructor(service, options) {
    this.service = service;
    this.options = options;
    /** @type {import("../shared/fixmap.js").FixMap | null} null until it is drawn, or if the browser cannot draw it */
    this.drawing = null;
    /** @type {import("../shared/basemap.js").Basemap | null} the operator's, for all maps */
    this.basemap = null;
    /** @type {any} the one of GET v1/maps whose photos are shown */
    this.map = null;
    this.photosAsked = new AbortController();
    this.scale = scaleBar();
    byId("map-foot").prepend(this.scale.element);
  }

  /** @param {import("../shared/basemap.js").Basemap | null} basemap */
  async draw(basemap) {
    if (this.drawing !== null) return;
    this.basemap = basemap;
    try {
      const { FixMap } = await import("../shared/fixmap.js");
      this.drawing = await FixMap.make(byId("map"), {
        basemap: this.ownBasemap(),
        dark: isDark(),
        language: language(),
        margins: () => this.margins(),
        onPhoto: (photo, at) => this.openPhoto(photo, at),
        onCandidate: this.options.onCandidate,
        onSight: this.options.onSight,
        onMoved: (map) => this.moved(map),
        onFailure: () => this.options.onFailure(t("page.basemap_failed")),
      });
    } catch {
      byId("map").append(element("p", { class: "no-map", "data-t": "page.no_map_drawing" }, t("page.no_map_drawing")));
      return;
    }
    byId("map-corner").append(mapButtons(this.drawing.map, () => this.lookAtWhole()));
    this.useBasemap(); // another map may have been chosen meanwhile
  }

  /** Show the photos of a map. @param {any} map one of GET v1/maps */
  show(map) {
    this.map = map;
    this.drawing?.showPhotos({ type: "FeatureCollection", features: [] });
    this.useBasemap();
  }

  /** The base map to draw: the operator's, else that of the map. @returns {import("../shared/basemap.js").Basemap | null} */
  ownBasemap() {
    const own = this.basemap ?? this.map?.basemap ?? null;
    // Only this server gets the key.
    return own === null || own !== this.map?.basemap ? own : { ...own, headers: this.service.headers };
  }

  useBasemap() {
    const wanted = this.ownBasemap();
    if (this.drawing === null || this.drawing.options.basemap?.url === wanted?.url) return;
    this.drawing.setLook({ basemap: wanted });
  }

  /** @param {{jump?: boolean}} [how] */
  lookAtWhole(how = {}) {
    const bounds = this.map?.bounds;
    if (!bounds) return;
    const [west, south, east, north] = bounds;
    this.drawing?.lookAtBox([[west, south], [east, north]], how);
  }

  /** Draw an answer and move to it, or to the whole map if there is none. @param {import("../shared/types.js").Answer} answer */
  showAnswer(answer) {
    this.drawing?.showAnswer(answer);
    this.drawing?.showSights(answer.properties.nearby.map(named));
    this.drawing?.choose(answer.properties.candidates.length > 0 ? 0 : -1);
    if (answer.properties.found) this.drawing?.lookAtAnswer();
    else this.lookAtWhole();
  }

  moved(map) {
    this.scale.draw(map);
    this.thank();
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.fetchPhotos(map), QUIET_MS);
  }

  async fetchPhotos(map) {
    if (this.map === null) return;
    this.photosAsked.abort();
    this.photosAsked = new AbortController();
    const { signal } = this.photosAsked;
    try {
      const photos = await this.service.photos(this.map.name, inView(map.getBounds()), signal);
      if (!signal.aborted) this.drawing?.showPhotos(photos);
    } catch {
      // what was drawn stays: the next move loads again, and photos can be located all the same
    }
  }

  async openPhoto(photo, at) {
    const image = element("img", { alt: t("map.photo"), width: 240 });
    const content = element("figure", { class: "popup" }, photo.thumbnail ? image : null, element("figcaption", {}, photo.id));
    this.drawing?.openPopup(at, content);
    if (photo.thumbnail) image.src = await this.service.picture(photo.thumbnail).catch(() => (image.remove(), ""));
  }

  /** Pixels of the map that the panel covers. */
  margins() {
    const panel = byId("panel").getBoundingClientRect();
    return WIDE.matches ? { top: 0, right: 0, bottom: 0, left: panel.right } : { top: 0, right: 0, bottom: innerHeight - panel.top, left: 0 };
  }

  /** The foot of the map lies above the sheet, unless that covers nearly everything. */
  fitFoot() {
    byId("map-foot").hidden = !WIDE.matches && byId("panel").offsetHeight > innerHeight * 0.8;
  }

  thank() {
    const sources = Object.keys(this.drawing?.map.getStyle()?.sources ?? {});
    const owed = sources.map((name) => this.drawing?.map.getSource(name)?.attribution).filter((each) => typeof each === "string" && each !== "");
    const basemap = this.drawing?.options.basemap ?? null;
    if (basemap?.attribution && !owed.some((each) => credits([each]).textContent === basemap.attribution)) owed.unshift(basemap.attribution);
    const isOperator = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname); // visitors could not follow the hint
    const hint = basemap === null && this.map !== null && isOperator ? t("page.no_basemap", { map: this.map.name }) : "";
    byId("map-credits").replaceChildren(hint || credits(owed));
  }
}

/** The box of a view as the server expects it: west, south, east, north, at most the world. */
function inView(box) {
  const [west, east] = [box.getWest(), box.getEast()];
  const latitudes = [Math.max(-90, box.getSouth()), Math.min(90, box.getNorth())];
  if (east - west >= 360) return [-180, latitudes[0], 180, latitudes[1]];
  const wrapped = (/** @type {number} */ lon) => ((((lon + 180) % 360) + 360) % 360) - 180;
  return [wrapped(west), latitudes[0], wrapped(east), latitudes[1]];
}
