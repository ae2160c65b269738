/** The page: asks the server about a photo, and shows the answer in the panel and on the map. */
import { answerView, spoken } from "../shared/answer.js";
import { element } from "../shared/dom.js";
import { drawIcons } from "../shared/icons.js";
import { language, named, preferredLanguage, speak, t, translate } from "../shared/language.js";
import { asAnswer, readShared } from "../shared/share.js";
import { isDark, onTheme, startTheme } from "../shared/theme.js";
import { prepareDialogs, settingsDialog, showInliers, withKey } from "./dialogs.js";
import { share } from "./share.js";
import { listenForPhotos } from "./photo_input.js";
import { deviceLocation } from "./location.js";
import { MapView, WIDE } from "./mapview.js";
import { Moving } from "./moving.js";
import { say, toast } from "./messages.js";
import { Service, ServiceError } from "./service.js";
import { Sheet } from "./sheet.js";
import { adviceItems, busyView, button, emptyView, fileButton, intakeView, failureView } from "./views.js";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.service = new Service();
    /** @type {any[]} */
    this.maps = [];
    /** @type {any} */
    this.map = null; // of GET v1/maps
    this.mapView = new MapView(this.service, {
      onCandidate: (index) => this.chooseCandidate(index, true),
      onSight: (index) => this.shown?.point(index),
      onFailure: toast,
    });
    this.moving = new Moving({
      service: this.service,
      mapView: this.mapView,
      say,
      show: (made) => this.show({ view: "moving", made }),
      end: (words) => (this.restart(), words && toast(words)),
    });
    this.keepsQueries = false;
    this.near = false;
    this.verify = "";
    /** @type {{view: string, [more: string]: any}} what the panel shows */
    this.state = { view: "start" };
    /** @type {{photo: File, picture: string} | null} */
    this.asked = null;
    this.asking = new AbortController();
    this.shown = null; // what the panel shows now
  }

  async start() {
    startTheme();
    drawIcons(document);
    prepareDialogs();
    await speak(preferredLanguage());
    this.sheet = new Sheet(byId("panel"), byId("handle"), () => this.mapView.fitFoot());
    this.inWords();
    const openSettings = settingsDialog({
      onLanguage: (code) => this.changeLanguage(code),
      onVerify: (how) => (this.verify = how),
      onForget: () => (this.service.key = null),
    });
    byId("open-settings").addEventListener("click", () =>
      openSettings({ ways: this.map?.verify ?? [], verify: this.verify, hasKey: this.service.key !== null }));
    byId("map-choice").addEventListener("change", (event) => this.chooseMap(event.target.value));
    listenForPhotos(byId("dropping"), (photo) => this.map && document.querySelector("dialog[open]") === null && this.locate(photo), (files) => this.map && this.record(files));
    addEventListener("hashchange", () => this.openLink());
    onTheme((dark) => this.mapView.drawing?.setLook({ dark, language: language() }));
    await this.load();
  }

  /** Load the list of maps and draw the first; also to try again after a failure. */
  async load() {
    let drawn;
    try {
      const [told, basemap] = await withKey(this.service, () => Promise.all([this.service.maps(), this.service.basemap()]));
      Object.assign(this, { maps: told.maps, keepsQueries: told.keeps_queries });
      drawn = this.mapView.draw(basemap).then(() => this.inWords()); // the panel does not wait for it
    } catch (error) {
      this.fail(error, () => this.load());
      return;
    }
    if (this.maps.length === 0) {
      this.show({ view: "empty" });
      return;
    }
    const choice = byId("map-choice");
    choice.replaceChildren(...this.maps.map((map) => element("option", { value: map.name }, map.name)));
    choice.hidden = this.maps.length < 2;
    const hash = location.hash;
    this.chooseMap(this.maps[0].name);
    await drawn;
    this.mapView.lookAtWhole({ jump: true });
    if (hash.length > 1) {
      history.replaceState(null, "", hash);
      this.openLink();
    } else if (this.state.answer) this.mapView.showAnswer(this.state.answer); // it came before the map was drawn
  }

  /** @param {string} name */
  chooseMap(name, { look = true } = {}) {
    const chosen = this.maps.find((map) => map.name === name);
    if (chosen === undefined) return;
    this.map = chosen;
    byId("map-choice").value = name;
    this.mapView.show(chosen);
    this.restart({ focus: false });
    if (look) this.mapView.lookAtWhole({ jump: true });
  }

  // From a photo to its answer

  /** @param {File} photo */
  async locate(photo, { near = this.near, verify = this.verify } = {}) {
    this.moving.stop();
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    if (this.asked?.photo !== photo) {
      if (this.asked) URL.revokeObjectURL(this.asked.picture);
      this.asked = { photo, picture: URL.createObjectURL(photo) };
    }
    this.forgetLink();
    this.mapView.drawing?.showAnswer(null);
    this.show({ view: "busy" });
    const again = () => this.locate(photo, { near, verify });
    try {
      const around = near ? await this.around() : null;
      signal.throwIfAborted();
      const question = { map: this.map.name, near: around, verify, language: language() };
      const answer = await withKey(this.service, () => this.service.locate(photo, question, {
        signal,
        onWait: (count) => this.shown?.say?.(t("busy.again", { count })),
        onSmaller: () => this.shown?.say?.(t("busy.smaller")),
      }));
      if (!signal.aborted) this.showAnswer({ answer, near: around, shared: false });
    } catch (error) {
      if (!signal.aborted) this.fail(error, again);
    }
  }

  live() {
    this.begin();
    withKey(this.service, () => this.moving.live(this.map.name)).catch((error) => this.fail(error, () => this.live()));
  }

  /** @param {File[]} files a film, or photos in time */
  async record(files) {
    this.begin();
    try {
      await withKey(this.service, () => this.moving.recording(files, this.map.name));
    } catch (error) {
      if (!this.moving.asking.signal.aborted) this.fail(error, () => this.record(files));
    }
  }

  begin() {
    this.asking.abort();
    this.forgetLink();
    this.mapView.drawing?.showAnswer(null);
  }

  async around() {
    this.shown?.say?.(t("busy.location"));
    const place = await deviceLocation();
    if (place === null) toast(t("failure.location"));
    this.shown?.say?.(t("busy.photos", { count: this.map.photos }));
    return place;
  }

  /** @param {{answer: import("../shared/types.js").Answer, shared: boolean, [more: string]: any}} told */
  showAnswer(told) {
    this.show({ view: "answer", ...told });
    say(spoken(told.answer));
    this.mapView.showAnswer(told.answer);
  }

  /** @param {number} index @param {boolean} fromMap */
  chooseCandidate(index, fromMap) {
    this.mapView.drawing?.choose(index);
    if (fromMap) this.shown?.choose(index);
    const position = this.state.answer?.properties.candidates[index]?.position;
    if (position && !fromMap) this.mapView.drawing?.lookAt([position.lon, position.lat]);
  }

  /** Go back to the start. */
  restart({ focus = true } = {}) {
    this.asking.abort();
    this.moving.stop();
    this.forgetLink();
    this.mapView.drawing?.showAnswer(null);
    this.show({ view: "intake" }, { focus });
  }

  /** @param {unknown} error @param {() => void} again */
  fail(error, again) {
    const failure = error instanceof ServiceError ? error : new ServiceError("server", String(error));
    this.show({ view: "failure", failure, again });
  }

  // Links

  openLink() {
    if (location.hash.length <= 1 || location.hash === "#map") return;
    const shared = readShared(location.hash);
    if (shared === null) {
      toast(t("shared.broken"));
      return;
    }
    if (shared.map !== null) this.chooseMapOfLink(shared.map);
    this.asking.abort();
    this.showAnswer({ answer: asAnswer(shared), shared: true });
  }

  /** @param {string} name from a link, unchecked */
  chooseMapOfLink(name) {
    if (name === this.map?.name) return;
    const hash = location.hash;
    this.chooseMap(name, { look: false });
    history.replaceState(null, "", hash);
  }

  forgetLink() {
    if (location.hash.length > 1) history.replaceState(null, "", location.pathname + location.search);
  }

  // The panel

  /** @param {{view: string, [more: string]: any}} state */
  show(state, { focus = true } = {}) {
    this.state = state;
    this.render();
    this.sheet?.to("half");
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
    return intakeView(this.map, { near: this.near, isKept: this.keepsQueries, onPhoto: (photo) => this.locate(photo), onNear: (near) => (this.near = near), onLive: () => this.live(), onRecording: (files) => this.record(files) });
  }

  busy() {
    return busyView({ picture: this.asked?.picture ?? null, photos: this.map.photos, onCancel: () => this.restart() });
  }

  failure() {
    const { failure, again } = this.state;
    const actions = [button(t("failure.again"), "again", again, "button")];
    if (this.map !== null) actions.push(button(t("answer.another"), "picture", () => this.restart()));
    return failureView(failure, { actions });
  }

  answer() {
    const { answer, shared } = this.state;
    const found = answer.properties.found;
    const look = found ? "action" : "button";
    const another = fileButton("choose-photo", "picture", t(shared ? "shared.own" : "answer.another"), look, (photo) => this.locate(photo));
    const actions = found ? [button(t("answer.share"), "share", () => share(answer, toast), look), button(t("answer.on_map"), "target", () => this.seeOnMap(), look), another] : [another];
    return answerView(answer, {
      query: shared ? null : this.asked?.picture,
      shared,
      picture: (address, large) => this.service.picture(address, large),
      onInliers: shared ? undefined : (candidate) => this.inliers(candidate),
      onCandidate: (index) => this.chooseCandidate(index, false),
      onSight: (index) => this.lookAtSight(index),
      actions,
      advice: this.advice(),
    });
  }

  /** What else can be tried if the photo was not found. */
  advice() {
    const { near, answer } = this.state;
    const photo = this.asked?.photo;
    if (!photo) return [];
    const canCompareMore = this.map.verify?.includes("accurate") && answer.properties.verify !== "accurate";
    return adviceItems({
      near,
      onEverywhere: () => this.locate(photo, { near: false }),
      onAccurate: canCompareMore ? () => this.locate(photo, { near: near !== null, verify: "accurate" }) : null,
    });
  }

  inliers(candidate) {
    const { photo } = this.asked;
    showInliers(photo, () => this.service.picture(candidate.thumbnail, true), (signal) =>
      this.service.inliers(photo, this.state.answer.properties.map || this.map.name, candidate.id, signal));
  }

  lookAtSight(index) {
    const { position } = this.state.answer.properties.nearby[index];
    if (!WIDE.matches) this.sheet.to("half");
    this.mapView.drawing?.lookAt([position.lon, position.lat]);
  }

  seeOnMap() {
    if (!WIDE.matches) this.sheet.to("low");
    this.mapView.drawing?.lookAtAnswer();
    this.mapView.drawing?.map.getCanvas().focus();
  }

  // Words

  async changeLanguage(code) {
    await speak(code, { remember: true });
    this.inWords();
    if (this.state.answer) this.mapView.drawing?.showSights(this.state.answer.properties.nearby.map(named));
    this.render();
    this.mapView.drawing?.setLook({ dark: isDark(), language: language() });
  }

  /** Write the words that stay on the page, in the language that was chosen. */
  inWords() {
    translate(document);
    byId("panel").setAttribute("aria-label", t("page.panel"));
    byId("map").setAttribute("aria-label", t("page.map_choice"));
    this.sheet?.label();
    this.mapView.drawing?.setLabel(t("map.label"));
  }
}

new Page().start();
