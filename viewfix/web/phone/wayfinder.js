// The way to a sight: a search box, a route that starts at the last fix, and its steps in words.

import { element } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { compass, distance, has, language, named, t } from "../shared/language.js";

const MODES = ["walk", "cycle", "drive"];
const PAUSE_MS = 80;
const AGAIN_M = 8; // a fix that moved less does not change the way
const DEGREES = { ahead: 0, "slightly right": 40, right: 90, "sharp right": 140, around: 180, "sharp left": -140, left: -90, "slightly left": -40 };

/**
 * @typedef {{name: string, names?: Record<string, string>, position: {lat: number, lon: number}, isPlace?: boolean}} Goal
 * @typedef {{lat: number, lon: number, heading: number | null}} Start
 * @typedef {object} WayOptions
 * @property {import("./engine.js").Engine} engine
 * @property {any} about what the worker reports about the pack
 * @property {() => {lat: number, lon: number} | null} here the position by GPS, if it is on
 * @property {(line: [number, number][] | null, look: boolean) => void} onLine draw the way
 * @property {(position: {lat: number, lon: number}) => void} onSight look at a sight
 * @property {() => void} onOpen the card appeared
 */

export class Wayfinder {
  /** @param {WayOptions} options */
  constructor(options) {
    this.options = options;
    /** @type {Goal | null} */
    this.goal = null;
    /** @type {Start | null} the last fix */
    this.start = null;
    /** @type {any} */
    this.route = null;
    this.asked = 0;
    this.timer = 0;
    this.input = /** @type {HTMLInputElement} */ (
      element("input", { type: "search", class: "find-input", "data-t-placeholder": "way.search", "data-t-label": "way.search", autocomplete: "off", enterkeyhint: "search" })
    );
    this.found = element("ul", { class: "found", hidden: true });
    this.find = element("search", { class: "find" }, icon("target"), this.input);
    this.find.hidden = !options.about.points;
    this.card = element("section", { class: "way", hidden: true, tabindex: "-1" });
    this.element = element("div", { class: "wayfinder" }, this.find, this.found, this.card);
    this.mode = MODES[0];
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.search(), PAUSE_MS);
    });
    this.input.addEventListener("keydown", (event) => event.key === "Escape" && this.closeList());
  }

  /** The language changed. */
  inWords() {
    this.closeList();
    this.show();
  }

  async search() {
    const text = this.input.value.trim();
    if (!text) return this.closeList();
    const mine = ++this.asked;
    const sights = await this.options.engine.ask("find", { text });
    if (mine !== this.asked) return;
    const rows = sights.map((/** @type {Goal & {kind: string}} */ sight) => {
      const key = `kind.${sight.kind.split("=").pop()}`;
      const kind = has(key) ? element("span", { class: "sight-where" }, t(key)) : null;
      const words = element("span", { class: "sight-words" }, element("span", { class: "sight-name" }, named(sight)), kind);
      return element("li", {}, element("button", { type: "button", class: "sight", onclick: () => this.choose(sight) }, words));
    });
    this.found.replaceChildren(...(rows.length ? rows : [element("li", { class: "soft", role: "status" }, t("way.none_found"))]));
    this.found.hidden = false;
  }

  closeList() {
    this.asked++;
    this.found.hidden = true;
    this.found.replaceChildren();
  }

  /** @param {Goal} sight */
  choose(sight) {
    this.closeList();
    this.input.value = "";
    this.options.onSight(sight.position);
    if (this.options.about.roads) this.goTo(sight);
  }

  /** What to show in a popup at a sight, or at a place of the map. @param {Goal} goal @param {() => void} close */
  offer(goal, close) {
    const go = () => {
      close();
      this.goTo(goal);
    };
    return element("div", { class: "offer" },
      goal.isPlace ? null : element("strong", {}, named(goal)),
      element("button", { type: "button", class: "button", onclick: go }, icon("pin"), t("way.go_here")));
  }

  /** @param {Goal} goal */
  goTo(goal) {
    this.goal = goal;
    this.find.hidden = false;
    this.again({ look: true, focus: true });
    this.options.onOpen();
  }

  end() {
    this.goal = null;
    this.route = null;
    this.options.onLine(null, false);
    this.show();
    this.input.focus();
  }

  /** A photo or a frame was located: the way continues from there. @param {import("../shared/types.js").Answer} answer */
  fixed({ geometry, properties }) {
    if (!geometry) return;
    const [lon, lat] = geometry.coordinates;
    const before = this.start;
    this.start = { lat, lon, heading: properties.heading_deg };
    if (!this.goal) return;
    const east = (lon - (before?.lon ?? 0)) * Math.cos((lat * Math.PI) / 180);
    const hasMoved = !before || Math.hypot(lat - before.lat, east) * 111_320 > AGAIN_M;
    const hasTurned = before?.heading !== this.start.heading;
    if (hasMoved || hasTurned || !this.route) this.again({ look: false });
  }

  /** Find the way again. @param {{look?: boolean, focus?: boolean}} [how] */
  async again({ look = false, focus = false } = {}) {
    const { goal } = this;
    if (!goal) return;
    const gps = this.start ? null : this.options.here();
    const from = this.start ?? (gps && { ...gps, heading: null });
    const mine = ++this.asked;
    const { lat, lon } = goal.position;
    const asked = from && { from: [from.lat, from.lon], to: [lat, lon], heading: from.heading, mode: this.mode };
    const route = asked ? await this.options.engine.ask("route", asked) : undefined;
    if (mine !== this.asked || goal !== this.goal) return;
    this.route = route;
    this.options.onLine(route?.line ?? null, look);
    this.show();
    if (!focus) return;
    this.card.focus({ preventScroll: true });
    this.card.scrollIntoView({ block: "start" });
  }

  /** Write the card: undefined is a way without a start, null no way at all. */
  show() {
    const { goal, route } = this;
    this.card.hidden = goal === null;
    if (goal === null) return this.card.replaceChildren();
    const name = goal.isPlace ? t("way.place") : named(goal);
    const close = element("button", { type: "button", class: "round", "aria-label": t("way.end"), title: t("way.end"), onclick: () => this.end() }, icon("close"));
    const head = element("header", { class: "way-head" }, element("h2", {}, t("way.to", { name })), close);
    const told = element("p", { class: "way-sum", role: "status" }, route ? this.summary(route) : t(route === null ? "way.none" : "way.needs_start"));
    const bar = element("div", { class: "way-bar" }, told, this.choice());
    this.card.replaceChildren(head, bar, ...(route ? [this.steps(route, name)] : []));
    this.card.setAttribute("lang", language());
  }

  choice() {
    const options = MODES.map((mode) => element("option", { value: mode, selected: mode === this.mode }, t(`way.mode_${mode}`)));
    const select = /** @type {HTMLSelectElement} */ (element("select", { "aria-label": t("way.mode") }, ...options));
    select.addEventListener("change", () => {
      this.mode = select.value;
      this.again();
    });
    return select;
  }

  /** @param {any} route */
  summary({ distance_m, duration_s }) {
    return t("way.sum", { distance: distance(distance_m), minutes: Math.max(1, Math.round(duration_s / 60)) });
  }

  /** @param {any} route @param {string} name */
  steps({ steps }, name) {
    return element("ol", { class: "way-steps" }, ...steps.map((/** @type {import("./guidance.js").Step} */ step) => {
      const drawing = icon(step.turn === "arrive" ? "pin" : "arrow");
      const turned = step.turn === null ? step.bearing_deg : DEGREES[/** @type {keyof typeof DEGREES} */ (step.turn)];
      if (step.turn !== "arrive") drawing.style.transform = `rotate(${turned}deg)`;
      return element("li", {}, element("span", { class: "way-turn" }, drawing), element("span", {}, stepWords(step, name)));
    }));
  }
}

/** A step in words. @param {import("./guidance.js").Step} step @param {string} name of the destination */
export function stepWords(step, name) {
  if (step.turn === "arrive") return step.side ? t("way.arrive_side", { name, side: t(`side.${step.side}`) }) : t("way.arrive", { name });
  const turn = step.turn === null ? t("way.start", { direction: compass(step.bearing_deg) }) : t(`way.turn_${step.turn.replace(" ", "_")}`);
  const parameters = { turn, distance: distance(step.distance_m), street: step.street ?? "" };
  if (step.surface === "stairs") return t("way.on_stairs", parameters);
  if (step.surface === "ferry") return t("way.on_ferry", parameters).trim();
  return t(step.street ? "way.on_street" : step.surface === "path" ? "way.on_path" : "way.on_road", parameters);
}
