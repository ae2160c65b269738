// Messages beside the answer: lines that disappear by themselves, and the state of an update.

import { element } from "../shared/dom.js";
import { percent, t } from "../shared/language.js";

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
}

function useButton() {
  return element("button", { type: "button", class: "button", onclick: () => location.reload() }, t("phone.update_use"));
}
