// Sentences spoken by the browser's speech synthesis, if the user has switched it on.

import { keep, kept } from "./kept.js";
import { language } from "./language.js";

const REMEMBERED = "viewfix.voice";

export class Voice {
  constructor() {
    this.isOn = this.isPossible && kept(REMEMBERED) === "on";
  }

  get isPossible() {
    return "speechSynthesis" in globalThis;
  }

  /** @param {boolean} on */
  turn(on) {
    this.isOn = on && this.isPossible;
    if (!this.isOn) this.stop();
    keep(REMEMBERED, this.isOn ? "on" : "off");
  }

  /** @param {string} words */
  say(words) {
    if (!this.isOn || words === "") return;
    const sentence = new SpeechSynthesisUtterance(words);
    sentence.lang = language();
    speechSynthesis.speak(sentence);
  }

  stop() {
    if (this.isPossible) speechSynthesis.cancel();
  }
}
