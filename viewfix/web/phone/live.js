// The card of the live camera: stays in place while its words change with each answer.

import { element } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { compass, distance, named, percent, t, whereabouts } from "../shared/language.js";

const SURENESS = /** @type {const} */ ([[0.95, "sure"], [0.8, "very_likely"], [0.6, "likely"], [0, "perhaps"]]);

export class LiveCard {
  constructor() {
    this.title = element("h2", {});
    this.likely = element("p", { class: "likely" });
    this.arrow = icon("arrow");
    this.looking = element("span");
    this.direction = element("p", { class: "facts" }, this.arrow, this.looking);
    this.sights = element("ul", { class: "live-sights" });
    this.element = element("section", { class: "live-card" }, this.title, this.likely, this.direction, this.sights);
    this.waiting(t("phone.live_starting"));
  }

  /** @param {string} words */
  waiting(words) {
    this.set(this.title, words);
    for (const part of [this.likely, this.direction, this.sights]) part.hidden = true;
  }

  /** @param {import("../shared/types.js").Answer} answer */
  show({ properties: { found, confidence, radius_m, heading_deg, nearby } }) {
    if (!found) return this.waiting(t("phone.live_looking"));
    const sure = SURENESS.find(([least]) => (confidence ?? 0) >= least)?.[1] ?? "perhaps";
    this.set(this.title, t(`sureness.${sure}`));
    this.set(this.likely, t("answer.likely_within", { percent: percent(confidence ?? 0), distance: distance(radius_m ?? 0) }));
    this.likely.hidden = false;
    this.direction.hidden = heading_deg === null;
    if (heading_deg !== null) {
      this.set(this.looking, t("answer.looking", { direction: compass(heading_deg) }));
      this.arrow.style.transform = `rotate(${heading_deg}deg)`;
    }
    this.sights.hidden = !nearby.length;
    this.sights.replaceChildren(...nearby.slice(0, 3).map((each) =>
      element("li", {}, element("strong", {}, named(each)), element("span", { class: "soft" }, ` ${whereabouts(each)}`))));
  }

  /** Change the words of a part only if they differ: a screen reader would say them again. @param {HTMLElement} part @param {string} words */
  set(part, words) {
    if (part.textContent !== words) part.textContent = words;
  }
}
