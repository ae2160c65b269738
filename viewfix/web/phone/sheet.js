// The panel over the lower part of the map, dragged or opened and closed by its handle.

import { t } from "../shared/language.js";

const A_DRAG_PX = 8;
const SHARES = { low: 0, half: 0.55, full: 0.95 };

/** @param {HTMLElement} panel @param {HTMLElement} handle @param {() => void} onChange its height changed */
export function makeSheet(panel, handle, onChange) {
  /** @type {{y: number, height: number} | null} */
  let from = null;
  let isDragged = false;

  /** @param {keyof typeof SHARES} height */
  const to = (height) => {
    panel.style.maxHeight = "";
    panel.dataset.sheet = height;
    label();
  };
  const label = () => {
    const words = t(panel.dataset.sheet === "low" ? "page.panel_more" : "page.panel_less");
    handle.setAttribute("aria-label", words);
    handle.setAttribute("aria-expanded", String(panel.dataset.sheet !== "low"));
  };
  handle.addEventListener("pointerdown", (event) => {
    from = { y: event.clientY, height: panel.offsetHeight };
    isDragged = false;
    handle.setPointerCapture(event.pointerId);
  });
  handle.addEventListener("pointermove", (event) => {
    if (!from) return;
    const moved = from.y - event.clientY;
    isDragged ||= Math.abs(moved) > A_DRAG_PX;
    if (isDragged) panel.style.maxHeight = `${Math.max(80, from.height + moved)}px`;
  });
  const released = () => {
    if (from && isDragged) {
      const share = panel.offsetHeight / innerHeight;
      to(share < 0.3 ? "low" : share < 0.72 ? "half" : "full");
    }
    from = null;
  };
  handle.addEventListener("pointerup", released);
  handle.addEventListener("pointercancel", released);
  handle.addEventListener("click", () => {
    if (!isDragged) to(panel.dataset.sheet === "low" ? "half" : "low");
    isDragged = false;
  });
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--sheet", `${panel.offsetHeight}px`);
    onChange();
  }).observe(panel);
  return { to, label };
}
