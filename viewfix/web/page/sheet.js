/** The panel on a narrow screen: a sheet over the map, low, half or full, dragged or opened by its button. */
import { t } from "../shared/language.js";

const HEIGHTS = ["low", "half", "full"];
const A_DRAG_PX = 8;

export class Sheet {
  /** @param {HTMLElement} panel @param {HTMLElement} handle @param {() => void} onChange its height changed */
  constructor(panel, handle, onChange) {
    this.panel = panel;
    this.handle = handle;
    let from = null;
    let dragged = false;
    handle.addEventListener("pointerdown", (event) => {
      from = { y: event.clientY, height: panel.offsetHeight };
      dragged = false;
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const moved = from.y - event.clientY;
      dragged ||= Math.abs(moved) > A_DRAG_PX;
      if (dragged) this.drag(from.height + moved);
    });
    const released = () => {
      if (from !== null && dragged) this.settle();
      from = null;
    };
    handle.addEventListener("pointerup", released);
    handle.addEventListener("pointercancel", released);
    handle.addEventListener("click", () => {
      if (!dragged) this.to(this.height === "full" ? "half" : this.height === "half" ? "full" : "half");
      dragged = false;
    });
    new ResizeObserver(() => {
      document.documentElement.style.setProperty("--sheet", `${panel.offsetHeight}px`);
      onChange();
    }).observe(panel);
  }

  /** @returns {string} */
  get height() {
    return this.panel.dataset.sheet ?? "half";
  }

  /** @param {string} height */
  to(height) {
    this.panel.style.height = this.panel.style.maxHeight = "";
    this.panel.classList.remove("dragged");
    this.panel.dataset.sheet = height;
    this.label();
  }

  /** Name the button after what it does next. */
  label() {
    const label = t(this.height === "full" ? "page.panel_less" : "page.panel_more");
    this.handle.setAttribute("aria-label", label);
    this.handle.title = label;
    this.handle.setAttribute("aria-expanded", String(this.height !== "low"));
  }

  /** @param {number} height_px */
  drag(height_px) {
    this.panel.classList.add("dragged");
    this.panel.style.height = this.panel.style.maxHeight = `${Math.round(height_px)}px`;
  }

  /** Released: it settles at the nearest of its heights. */
  settle() {
    const share = this.panel.offsetHeight / innerHeight;
    this.to(HEIGHTS[share < 0.3 ? 0 : share < 0.72 ? 1 : 2]);
  }
}
