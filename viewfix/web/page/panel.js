/** The panel beside the map: shows one state of the page at a time, and draws it again when the language changes. */
import { answerView } from "../shared/answer.js";
import { t } from "../shared/language.js";
import { showInliers } from "./dialogs.js";
import { toast } from "./messages.js";
import { WIDE } from "./mapview.js";
import { share } from "./share.js";
import { Sheet } from "./sheet.js";
import { adviceItems, busyView, button, emptyView, failureView, fileButton, intakeView } from "./views.js";

/** @typedef {{view: string, [more: string]: any}} State */

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

export class Panel {
  /** @param {any} page what the buttons of the panel do, and what it shows */
  constructor(page) {
    this.page = page;
    /** @type {State} */
    this.state = { view: "start" };
    /** @type {any} the elements that are shown now */
    this.shown = null;
    this.sheet = new Sheet(byId("panel"), byId("handle"), () => page.mapView.fitFoot());
  }

  /** @param {State} state */
  show(state, { focus = true } = {}) {
    this.state = state;
    this.render();
    this.sheet.to("half");
    byId("content").scrollTop = byId("panel").scrollTop = 0;
    if (focus) this.shown?.heading?.focus({ preventScroll: true });
  }

  /** Draw the state; again when the language changes. */
  render() {
    const makers = { intake: () => this.intake(), busy: () => this.busy(), answer: () => this.answer(), failure: () => this.failure(), moving: () => this.state.made, empty: emptyView };
    this.shown = makers[this.state.view]?.() ?? null;
    byId("content").replaceChildren(...(this.shown ? [this.shown.element] : []));
    document.title = `${this.shown?.heading?.textContent ?? t("page.title")} · viewfix`;
  }

  intake() {
    const { page } = this;
    return intakeView(page.map, {
      near: page.near,
      isKept: page.keepsQueries,
      onPhoto: (photo) => page.locate(photo),
      onNear: (near) => (page.near = near),
      onLive: () => page.live(),
      onRecording: (files) => page.record(files),
    });
  }

  busy() {
    return busyView({ picture: this.page.asked?.picture ?? null, photos: this.page.map.photos, onCancel: () => this.page.restart() });
  }

  failure() {
    const { failure, again } = this.state;
    const actions = [button(t("failure.again"), "again", again, "button")];
    if (this.page.map !== null) actions.push(button(t("answer.another"), "picture", () => this.page.restart()));
    return failureView(failure, { actions });
  }

  answer() {
    const { page } = this;
    const { answer, shared } = this.state;
    const found = answer.properties.found;
    const look = found ? "action" : "button";
    const another = fileButton("choose-photo", "picture", t(shared ? "shared.own" : "answer.another"), look, (photo) => page.locate(photo));
    const actions = found ? [button(t("answer.share"), "share", () => share(answer, toast), look), button(t("answer.on_map"), "target", () => this.seeOnMap(), look), another] : [another];
    return answerView(answer, {
      query: shared ? null : page.asked?.picture,
      shared,
      picture: (address, large) => page.service.picture(address, large),
      onInliers: shared ? undefined : (candidate) => this.inliers(candidate),
      onCandidate: (index) => page.chooseCandidate(index, false),
      onSight: (index) => this.lookAtSight(index),
      actions,
      advice: this.advice(),
    });
  }

  /** What else can be tried if the photo was not found. */
  advice() {
    const { page } = this;
    const { near, answer } = this.state;
    const photo = page.asked?.photo;
    if (!photo) return [];
    const canCompareMore = page.map.verify?.includes("accurate") && answer.properties.verify !== "accurate";
    return adviceItems({
      near,
      onEverywhere: () => page.locate(photo, { near: false }),
      onAccurate: canCompareMore ? () => page.locate(photo, { near: near !== null, verify: "accurate" }) : null,
    });
  }

  inliers(candidate) {
    const { service, asked, map } = this.page;
    const name = this.state.answer.properties.map || map.name;
    showInliers(asked.photo, () => service.picture(candidate.thumbnail, true), (signal) => service.inliers(asked.photo, name, candidate.id, signal));
  }

  lookAtSight(index) {
    const { position } = this.state.answer.properties.nearby[index];
    if (!WIDE.matches) this.sheet.to("half");
    this.page.mapView.drawing?.lookAt([position.lon, position.lat]);
  }

  seeOnMap() {
    if (!WIDE.matches) this.sheet.to("low");
    const { drawing } = this.page.mapView;
    drawing?.lookAtAnswer();
    drawing?.map.getCanvas().focus();
  }
}
