// The card of the live camera: stays in place while its words change with each answer.

import { element } from "./dom.js";
import { icon } from "./icons.js";
import { compass, distance, named, number, percent, t, translate, whereabouts } from "./language.js";

const SURENESS = /** @type {const} */ ([[0.95, "sure"], [0.8, "very_likely"], [0.6, "likely"], [0, "perhaps"]]);
const LIKELY_OFF = 0.5;
const LEAST_MPS = 0.3; // slower is standing
const MOST_COMING = 3;

/** @typedef {import("./types.js").Coming} Coming */

/**
 * "In 57 s, on your left, 54 m: Clock Tower". @param {Coming} coming
 * @param {"short" | "long"} [units] "long" to be spoken
 */
export function comingInWords(coming, units = "short") {
  const time = number(Math.round(coming.in_s), { style: "unit", unit: "second", unitDisplay: units });
  const words = { time, side: t(`side.${coming.side}`), name: named(coming), distance: distance(coming.distance_m) };
  return t(coming.side === "ahead" ? "journey.coming" : "journey.coming_far", words);
}

export class LiveCard {
  /** @param {import("./voice.js").Voice} voice */
  constructor(voice) {
    this.title = element("h2", {});
    this.likely = element("p", { class: "likely" });
    this.arrow = icon("arrow");
    this.looking = element("span");
    this.direction = element("p", { class: "facts" }, this.arrow, this.looking);
    this.moving = element("p", { class: "facts" });
    this.coming = element("ul", { class: "live-coming", "data-t-label": "journey.coming_title" });
    this.sights = element("ul", { class: "live-sights" });
    const on = /** @type {HTMLInputElement} */ (element("input", { type: "checkbox", role: "switch", checked: voice.isOn }));
    on.addEventListener("change", () => voice.turn(on.checked));
    const say = element("label", { class: "switch", hidden: !voice.isPossible }, on, element("span", { "data-t": "journey.say" }));
    this.element = element("section", { class: "live-card" }, this.title, this.likely, this.direction, this.moving, this.coming, this.sights, say);
    translate(this.element);
    this.waiting(t("phone.live_starting"));
  }

  /** @param {string} words */
  waiting(words) {
    this.set(this.title, words);
    this.element.classList.add("is-lost");
    for (const part of [this.likely, this.direction, this.moving, this.coming, this.sights]) part.hidden = true;
  }

  /** @param {import("./types.js").Answer} answer @param {boolean} wasFound whether the camera was found before */
  show({ properties }, wasFound) {
    const { found, confidence, radius_m, heading_deg, nearby, coming = [] } = properties;
    if (!found) return this.waiting(this.whyNot(properties, wasFound));
    this.element.classList.remove("is-lost");
    const sure = SURENESS.find(([least]) => (confidence ?? 0) >= least)?.[1] ?? "perhaps";
    this.set(this.title, t(`sureness.${sure}`));
    this.set(this.likely, t("answer.likely_within", { percent: percent(confidence ?? 0), distance: distance(radius_m ?? 0) }));
    this.likely.hidden = false;
    this.direction.hidden = heading_deg === null;
    if (heading_deg !== null) {
      this.set(this.looking, t("answer.looking", { direction: compass(heading_deg) }));
      this.arrow.style.transform = `rotate(${heading_deg}deg)`;
    }
    this.showMovement(properties);
    this.list(this.coming, coming.slice(0, MOST_COMING).map((each) => [comingInWords(each), ""]));
    this.list(this.sights, nearby.slice(0, 3).map((each) => [named(each), whereabouts(each)]));
  }

  /** @param {import("./types.js").Answered} properties @param {boolean} wasFound */
  whyNot({ p_off }, wasFound) {
    if ((p_off ?? 0) >= LIKELY_OFF) return t("journey.off_map");
    return t(wasFound ? "journey.lost" : "phone.live_looking");
  }

  /** @param {import("./types.js").Answered} properties */
  showMovement({ direction_deg, speed_mps }) {
    const isMoving = typeof speed_mps === "number" && speed_mps >= LEAST_MPS && typeof direction_deg === "number";
    this.moving.hidden = !isMoving;
    if (!isMoving) return;
    const speed = number(Math.round(speed_mps * 3.6), { style: "unit", unit: "kilometer-per-hour" });
    this.set(this.moving, t("journey.moving", { direction: compass(direction_deg), speed }));
  }

  /** @param {HTMLElement} list @param {string[][]} lines each strong words and soft ones */
  list(list, lines) {
    list.hidden = !lines.length;
    const items = lines.map(([strong, soft]) => element("li", {}, element("strong", {}, strong), soft && element("span", { class: "soft" }, ` ${soft}`)));
    if (items.map((each) => each.textContent).join() !== [...list.children].map((each) => each.textContent).join()) list.replaceChildren(...items);
  }

  /** Change the words of a part only if they differ: a screen reader would say them again. @param {HTMLElement} part @param {string} words */
  set(part, words) {
    if (part.textContent !== words) part.textContent = words;
  }
}
