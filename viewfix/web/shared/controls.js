/** The buttons and the scale of a map, in words of the page, so that they follow its language. */
import { element } from "./dom.js";
import { metresPerPixel, roundDown } from "./ground.js";
import { icon } from "./icons.js";
import { distance } from "./language.js";

const WIDEST_SCALE_PX = 110;

/**
 * @param {any} map a MapLibre map
 * @param {() => void} showWhole
 * @returns {HTMLElement} buttons; their labels are written by `translate`
 */
export function mapButtons(map, showWhole) {
  const button = (/** @type {any} */ drawing, /** @type {string} */ label, /** @type {() => void} */ act) =>
    element("button", { type: "button", class: "map-button", "data-t-label": label, onclick: act }, icon(drawing));
  return element(
    "div",
    { class: "map-buttons" },
    button("plus", "map.zoom_in", () => map.zoomIn()),
    button("minus", "map.zoom_out", () => map.zoomOut()),
    button("whole", "map.whole", showWhole),
  );
}

/** @returns {{element: HTMLElement, draw: (map: any) => void}} a bar of a round number of metres */
export function scaleBar() {
  const label = element("span");
  const bar = element("div", { class: "scale", "aria-hidden": "true" }, label);
  return {
    element: bar,
    draw(map) {
      const each = metresPerPixel(map.getCenter().lat, map.getZoom());
      const metres = Math.max(1, roundDown(WIDEST_SCALE_PX * each));
      bar.style.width = `${Math.min(WIDEST_SCALE_PX, metres / each)}px`;
      label.textContent = distance(metres);
    },
  };
}
