// How the user travels, which is remembered: what a moving camera may do from one frame to the next.

import { element } from "./dom.js";
import { keep, kept } from "./kept.js";
import { t } from "./language.js";

const REMEMBERED = "viewfix.mode";
const MODES = ["auto", "walk", "cycle", "drive", "train"];

/** @type {string | null} */
let chosen = null; // on this page, also where nothing can be stored

export function travelMode() {
  const mode = chosen ?? kept(REMEMBERED) ?? "";
  return MODES.includes(mode) ? mode : MODES[0];
}

/** A choice of the mode, for the next frame on. */
export function travelField() {
  const choice = /** @type {HTMLSelectElement} */ (element("select", { class: "travel-mode" }, ...MODES.map((each) => element("option", { value: each, "data-t": `journey.mode_${each}` }, t(`journey.mode_${each}`)))));
  choice.value = travelMode();
  choice.addEventListener("change", () => {
    chosen = choice.value;
    keep(REMEMBERED, chosen);
  });
  return element("label", { class: "field travel" }, element("span", { "data-t": "journey.mode" }, t("journey.mode")), choice);
}
