// The parts of the app as elements, still without words: `translate` writes those.

import { element } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { LANGUAGES } from "../shared/language.js";

const STYLES = ["../vendor/maplibre-gl.css", "../shared/shared.css", "style.css"];
const MODES = ["auto", "walk", "cycle", "drive", "train"];
const THEMES = ["system", "light", "dark"];

/** @typedef {ReturnType<typeof layout>} Layout */

/** Load the styles of the app; one that cannot be loaded is skipped. */
export const loadStyles = () => Promise.all(STYLES.map(styled));

/** @param {string} name */
function styled(name) {
  const link = element("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href });
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}

export function layout() {
  const map = element("section", { class: "map", id: "map", tabindex: "-1" });
  const video = /** @type {HTMLVideoElement} */ (element("video", { playsinline: true, muted: true, "data-t-label": "phone.live_preview" }));
  video.muted = true; // the attribute alone has no effect on elements made by scripts
  const preview = element("div", { class: "preview", hidden: true }, video);
  const statusWords = element("span", { class: "status-words" });
  const status = element("p", { class: "status", role: "status" }, icon("check"), statusWords);
  const title = element("h1", {});
  const openSettings = roundButton("settings", "page.settings");
  const head = element("header", { class: "head" }, element("div", { class: "head-words" }, title, status), openSettings);
  const handle = element("button", { type: "button", class: "handle" });
  const live = button("camera", "phone.live", "button");
  const file = /** @type {HTMLInputElement} */ (element("input", { type: "file", accept: "image/*", class: "unseen", id: "choose" }));
  const choose = element("label", { class: "button quiet", for: "choose" }, icon("picture"), element("span", { "data-t": "intake.choose" }));
  const gps = /** @type {HTMLInputElement} */ (element("input", { type: "checkbox", role: "switch" }));
  const gpsWords = element("small", { role: "status" });
  const gpsRow = element("label", { class: "gps" }, gps, element("span", {}, element("span", { "data-t": "phone.gps" }), gpsWords));
  const content = element("div", { class: "content" });
  const scroll = element("div", { class: "scroll" }, content);
  const dock = element("div", { class: "dock" }, live, file, choose);
  const panel = element("main", { class: "panel", "data-sheet": "half" }, handle, dock, gpsRow, scroll);
  const corner = element("div", { class: "map-corner" });
  const foot = element("div", { class: "map-foot" }, element("p", { class: "map-credits" }));
  const toast = element("div", { class: "toast", role: "status" });
  const said = element("p", { class: "unseen", role: "status" });
  const settings = settingsDialog();
  document.body.append(panel, head, preview, map, corner, foot, toast, said, settings.dialog);
  return { map, video, preview, status, statusWords, title, openSettings, handle, live, file, choose, gps, gpsWords, content, scroll, panel, corner, foot, toast, said, settings };
}

function settingsDialog() {
  const language = /** @type {HTMLSelectElement} */ (
    element("select", { id: "choose-language" }, ...Object.entries(LANGUAGES).map(([code, name]) => element("option", { value: code, lang: code }, name)))
  );
  const themes = THEMES.map((theme) =>
    element("label", {}, element("input", { type: "radio", name: "theme", value: theme }), element("span", { "data-t": `settings.theme_${theme}` })));
  const mode = /** @type {HTMLSelectElement} */ (
    element("select", { id: "choose-mode" }, ...MODES.map((each) => element("option", { value: each, "data-t": `journey.mode_${each}` })))
  );
  const close = roundButton("close", "page.close");
  const about = element("ul", { class: "about" });
  const update = button("again", "phone.update", "button quiet");
  const updateWords = element("p", { class: "soft", role: "status" });
  const dialog = /** @type {HTMLDialogElement} */ (element("dialog", { class: "dialog", "aria-labelledby": "settings-title" },
    element("header", {}, element("h2", { id: "settings-title", "data-t": "page.settings" }), close),
    element("label", { class: "field" }, element("span", { "data-t": "settings.language" }), language),
    element("fieldset", { class: "field" }, element("legend", { "data-t": "settings.theme" }), element("div", { class: "segments" }, ...themes)),
    element("label", { class: "field" }, element("span", { "data-t": "journey.mode" }), mode),
    element("h3", { "data-t": "phone.about" }), about, update, updateWords));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return { dialog, language, mode, about, update, updateWords };
}

/** @param {any} drawing @param {string} words @param {string} kind */
function button(drawing, words, kind) {
  return element("button", { type: "button", class: kind }, icon(drawing), element("span", { "data-t": words }));
}

/** @param {any} drawing @param {string} label */
function roundButton(drawing, label) {
  return element("button", { type: "button", class: "round", "data-t-label": label }, icon(drawing));
}
