// The settings: language, theme, the mode of travel, and facts about the app.

import { element } from "../shared/dom.js";
import { keep, kept } from "../shared/kept.js";
import { language, speak } from "../shared/language.js";
import { setTheme, theme } from "../shared/theme.js";

export class Settings {
  /** @param {import("./layout.js").Layout} parts @param {() => void} onUpdate asked to look for a new version */
  constructor(parts, onUpdate) {
    this.parts = parts;
    this.onUpdate = onUpdate;
  }

  /** The mode of travel that was chosen. */
  get mode() {
    return this.parts.settings.mode.value;
  }

  /** @param {() => void} onLanguage after the language was changed */
  listen(onLanguage) {
    const { openSettings, settings } = this.parts;
    const { language: choice, dialog, mode, update, updateWords } = settings;
    openSettings.addEventListener("click", () => {
      updateWords.textContent = "";
      dialog.showModal();
    });
    choice.addEventListener("change", async () => {
      await speak(choice.value, { remember: true });
      onLanguage();
    });
    for (const each of dialog.querySelectorAll("input[name=theme]")) {
      const radio = /** @type {HTMLInputElement} */ (each);
      radio.checked = radio.value === theme();
      radio.addEventListener("change", () => setTheme(radio.value));
    }
    mode.value = kept("viewfix.mode") ?? "auto";
    if (mode.value === "") mode.value = "auto"; // the stored one is unknown
    mode.addEventListener("change", () => keep("viewfix.mode", mode.value));
    update.addEventListener("click", this.onUpdate);
  }

  /** @param {string[]} lines about the app, in the language that was chosen */
  inWords(lines) {
    const { language: choice, about } = this.parts.settings;
    choice.value = language();
    about.replaceChildren(...lines.filter(Boolean).map((line) => element("li", {}, line)));
  }
}
