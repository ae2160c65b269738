// Messages: lines that disappear by themselves, the state of an update and of GPS, and what is shown in place of the answer.

import { element } from "../shared/dom.js";
import { distance, percent, t } from "../shared/language.js";

const TOAST_MS = 6000;

export class Messages {
  /** @param {import("./layout.js").Layout} parts */
  constructor(parts) {
    this.parts = parts;
    this.timer = 0;
  }

  /** Show a line; it disappears by itself, unless it has a button. @param {string} words @param {HTMLElement} [button] */
  toast(words, button) {
    const { toast } = this.parts;
    clearTimeout(this.timer);
    toast.replaceChildren(element("span", {}, words), ...(button ? [button] : []));
    if (!button) this.timer = window.setTimeout(() => toast.replaceChildren(), TOAST_MS);
  }

  /** @param {import("./update.js").UpdateState} state @param {boolean} asked by the user */
  tellUpdate(state, asked) {
    const { updateWords } = this.parts.settings;
    const share = state.kind === "coming" ? percent(state.share) : "";
    const words = t(`phone.update_${state.kind}`, { percent: share });
    updateWords.textContent = words;
    if (state.kind === "ready") {
      this.toast(words, useButton());
      if (asked) updateWords.replaceChildren(`${words} `, useButton());
    }
    if (state.kind === "failed") this.toast(words);
  }

  /** @param {import("./gps.js").Gps} gps */
  tellGps(gps) {
    const { parts } = this;
    const near = gps.near();
    const words = near ? t("phone.gps_on", { distance: distance(near.radius) }) : gps.state === "off" ? "" : t(`phone.gps_${gps.state}`);
    if (parts.gpsWords.textContent !== words) parts.gpsWords.textContent = words; // else a screen reader says it again
    parts.gps.checked = gps.state !== "off";
  }

  /** Say that a photo is being located. @param {string} address of the photo */
  busy(address) {
    const picture = element("img", { src: address, alt: "" });
    picture.addEventListener("error", () => picture.remove());
    this.parts.content.replaceChildren(element("div", { class: "busy" }, picture, element("p", { role: "status" }, t("busy.title"))));
  }

  /** Say that the chosen file is not a photo. */
  notAPhoto() {
    this.parts.content.replaceChildren(element("div", { class: "failure", role: "alert" }, element("h2", {}, t("failure.title")), element("p", {}, t("phone.not_a_photo"))));
  }
}

function useButton() {
  return element("button", { type: "button", class: "button", onclick: () => location.reload() }, t("phone.update_use"));
}
