/** The contents of the panel as elements: start, progress, failure. The answer is in shared/. */
import { element } from "../shared/dom.js";
import { expectedWords } from "../shared/expected.js";
import { icon } from "../shared/icons.js";
import { distance, t } from "../shared/language.js";
import { travelField } from "../shared/travel.js";

const ACCEPTED = "image/*,.heic,.heif,.avif";

/**
 * The start: choose a photo.
 * @param {any} map one of GET v1/maps
 * @param {{near: boolean, isKept: boolean, onPhoto: (photo: File) => void, onNear: (near: boolean) => void,
 *   onLive: () => void, onRecording: (files: File[]) => void}} how
 */
export function intakeView(map, { near, isKept, onPhoto, onNear, onLive, onRecording }) {
  const heading = element("h2", { tabindex: "-1" }, t("page.title"));
  const nearBox = element("input", { type: "checkbox", "aria-describedby": "near-help", onchange: () => onNear(nearBox.checked) });
  /** @type {HTMLInputElement} */ (nearBox).checked = near;
  const whole = element(
    "div",
    { class: "intake" },
    element("div", { class: "lead" }, heading, element("p", { class: "soft" }, t("intake.lead"))),
    element("div", { class: "drop" },
      element("span", { class: "drop-mark" }, icon("picture")),
      element("p", { class: "drop-words" }, t("intake.drop")),
      element("div", { class: "actions" },
        fileButton("choose-photo", "picture", t("intake.choose"), "button", onPhoto),
        fileButton("take-photo", "camera", t("intake.take"), "button quiet touch-only", onPhoto, { capture: "environment" }))),
    element("div", { class: "actions moving-ways" },
      navigator.mediaDevices ? button(t("phone.live"), "camera", onLive) : null,
      filesButton(onRecording)),
    travelField(),
    "geolocation" in navigator
      ? element("label", { class: "switch" }, nearBox, element("span", {}, t("intake.near"), element("small", { id: "near-help" }, t("intake.near_help"))))
      : null,
    element("p", { class: "about-map" }, aboutMap(map)),
    element("p", { class: "fine" }, t(isKept ? "intake.privacy_kept" : "intake.privacy")),
  );
  return { element: whole, heading };
}

/** A button that opens the device's files or its camera. An input cannot be styled, so its label is the button. */
export function fileButton(id, drawing, label, look, onPhoto, attributes = {}) {
  const input = /** @type {HTMLInputElement} */ (element("input", { type: "file", id, accept: ACCEPTED, class: "unseen", ...attributes }));
  input.addEventListener("change", () => {
    const photo = input.files?.[0];
    input.value = ""; // so that the same photo can be chosen again
    if (photo) onPhoto(photo);
  });
  return element("label", { class: `${look} file-button`, for: id }, input, icon(drawing), label);
}

/** A button for a film, or for several photos. @param {(files: File[]) => void} onFiles */
function filesButton(onFiles) {
  const input = /** @type {HTMLInputElement} */ (element("input", { type: "file", id: "choose-recording", accept: `video/*,${ACCEPTED}`, multiple: true, class: "unseen" }));
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = "";
    if (files.length) onFiles(files);
  });
  return element("label", { class: "button quiet file-button", for: "choose-recording", title: t("recording.help") }, input, icon("again"), t("recording.choose"));
}

/** @param {any} map */
function aboutMap(map) {
  const parts = [t("intake.photos", { count: map.photos })];
  if (map.points_of_interest > 0) parts.push(t("intake.sights", { count: map.points_of_interest }));
  const line = parts.join(" · ");
  const small = map.calibrated === false ? t("intake.not_calibrated") : "";
  const more = [small, ...expectation(map.expectation)].filter(Boolean);
  return more.length ? `${line}. ${more.join(" ")}` : line;
}

/** What the map can be expected to find, and whether it is sparse. @param {any} expected of GET v1/maps, or null */
function expectation(expected) {
  if (!expected) return [];
  const isSparse = expected.advice !== "none" && expected.spacing_m !== null && expected.spacing_m > 15;
  return [expectedWords(expected.share_found), isSparse ? t("intake.sparse", { distance: distance(expected.spacing_m) }) : ""];
}

/**
 * The progress, with the photo that was chosen.
 * @param {{picture: string | null, photos: number, onCancel: () => void}} how
 */
export function busyView({ picture, photos, onCancel }) {
  const heading = element("h2", { tabindex: "-1" }, t("busy.title"));
  const said = element("p", { class: "soft", role: "status" }, t("busy.photos", { count: photos }));
  const image = picture === null ? null : element("img", { src: picture, alt: t("candidates.query") });
  image?.addEventListener("error", () => image.remove());
  const whole = element(
    "div",
    { class: "busy", "aria-busy": "true" },
    element("div", { class: "lead" }, heading, said),
    element("div", { class: "looking" }, image, element("span", { class: "sweep" })),
    element("div", { class: "actions" }, element("button", { type: "button", class: "button quiet", onclick: onCancel }, t("page.cancel"))),
  );
  return { element: whole, heading, say: (/** @type {string} */ words) => (said.textContent = words) };
}

/**
 * @param {import("./service.js").ServiceError} failure
 * @param {{actions: HTMLElement[]}} how
 */
export function failureView(failure, { actions }) {
  const heading = element("h2", { tabindex: "-1" }, t("failure.title"));
  const whole = element(
    "div",
    { class: "failure" },
    element("div", { class: "verdict-head" }, element("span", { class: "nowhere alarm" }, icon("alert")),
      element("div", {}, heading, element("p", { role: "alert" }, t(`failure.${failure.kind}`)))),
    failure.detail ? element("p", { class: "fine" }, t("failure.detail", { message: failure.detail })) : null,
    element("div", { class: "actions" }, ...actions),
  );
  return { element: whole, heading };
}

/**
 * What else can be tried with a photo that was not found, as list items.
 * @param {{near: {radius_m: number} | null, onEverywhere: () => void, onAccurate: (() => void) | null}} how
 */
export function adviceItems({ near, onEverywhere, onAccurate }) {
  const items = [];
  if (near) {
    const words = t("not_found.was_near", { distance: distance(near.radius_m) });
    items.push(element("li", {}, words, " ", button(t("not_found.everywhere"), null, onEverywhere)));
  }
  if (onAccurate) items.push(element("li", {}, t("not_found.accurate_help"), " ", button(t("not_found.accurate"), null, onAccurate)));
  return items;
}

/** A server without a map. */
export function emptyView() {
  const heading = element("h2", { tabindex: "-1" }, t("page.no_maps"));
  const whole = element("div", { class: "failure" },
    element("div", { class: "verdict-head" }, element("span", { class: "nowhere" }, icon("nowhere")),
      element("div", {}, heading, element("p", { class: "soft" }, t("page.no_maps_help")))));
  return { element: whole, heading };
}

/** @param {string} label @param {any} drawing @param {() => void} act @param {string} [look] */
export function button(label, drawing, act, look = "button quiet") {
  return element("button", { type: "button", class: look, onclick: act }, drawing === null ? null : icon(drawing), label);
}
