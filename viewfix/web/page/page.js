/** The page: asks the server about a photo, and shows the answer in the panel and on the map. */
import { spoken } from "../shared/answer.js";
import { element } from "../shared/dom.js";
import { drawIcons } from "../shared/icons.js";
import { language, named, preferredLanguage, speak, t, translate } from "../shared/language.js";
import { asAnswer, readShared } from "../shared/share.js";
import { isDark, onTheme, startTheme } from "../shared/theme.js";
import { prepareDialogs, settingsDialog, withKey } from "./dialogs.js";
import { listenForPhotos } from "./photo_input.js";
import { deviceLocation } from "./location.js";
import { MapView } from "./mapview.js";
import { Moving } from "./moving.js";
import { say, toast } from "./messages.js";
import { Panel } from "./panel.js";
import { Service, ServiceError } from "./service.js";

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
      onSight: (index) => this.panel.shown?.point(index),
      onFailure: toast,
    });
    this.moving = new Moving({
      service: this.service,
      mapView: this.mapView,
      say,
      show: (made) => this.panel.show({ view: "moving", made }),
      end: (words) => (this.restart(), words && toast(words)),
    });
    this.keepsQueries = false;
    this.near = false;
    this.verify = "";
    /** @type {{photo: File, picture: string} | null} */
    this.asked = null;
    this.asking = new AbortController();
    this.panel = new Panel(this);
  }

  async start() {
    startTheme();
    drawIcons(document);
    prepareDialogs();
    await speak(preferredLanguage());
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
      this.panel.show({ view: "empty" });
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
    } else if (this.panel.state.answer) this.mapView.showAnswer(this.panel.state.answer); // it came before the map was drawn
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
    this.panel.show({ view: "busy" });
    const again = () => this.locate(photo, { near, verify });
    try {
      const around = near ? await this.around() : null;
      signal.throwIfAborted();
      const question = { map: this.map.name, near: around, verify, language: language() };
      const answer = await withKey(this.service, () => this.service.locate(photo, question, {
        signal,
        onWait: (count) => this.panel.shown?.say?.(t("busy.again", { count })),
        onSmaller: () => this.panel.shown?.say?.(t("busy.smaller")),
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
    this.panel.shown?.say?.(t("busy.location"));
    const place = await deviceLocation();
    if (place === null) toast(t("failure.location"));
    this.panel.shown?.say?.(t("busy.photos", { count: this.map.photos }));
    return place;
  }

  /** @param {{answer: import("../shared/types.js").Answer, shared: boolean, [more: string]: any}} told */
  showAnswer(told) {
    this.panel.show({ view: "answer", ...told });
    say(spoken(told.answer));
    this.mapView.showAnswer(told.answer);
  }

  /** @param {number} index @param {boolean} fromMap */
  chooseCandidate(index, fromMap) {
    this.mapView.drawing?.choose(index);
    if (fromMap) this.panel.shown?.choose(index);
    const position = this.panel.state.answer?.properties.candidates[index]?.position;
    if (position && !fromMap) this.mapView.drawing?.lookAt([position.lon, position.lat]);
  }

  /** Go back to the start. */
  restart({ focus = true } = {}) {
    this.asking.abort();
    this.moving.stop();
    this.forgetLink();
    this.mapView.drawing?.showAnswer(null);
    this.panel.show({ view: "intake" }, { focus });
  }

  /** @param {unknown} error @param {() => void} again */
  fail(error, again) {
    const failure = error instanceof ServiceError ? error : new ServiceError("server", String(error));
    this.panel.show({ view: "failure", failure, again });
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

  // Words

  async changeLanguage(code) {
    await speak(code, { remember: true });
    this.inWords();
    if (this.panel.state.answer) this.mapView.drawing?.showSights(this.panel.state.answer.properties.nearby.map(named));
    this.panel.render();
    this.mapView.drawing?.setLook({ dark: isDark(), language: language() });
  }

  /** Write the words that stay on the page, in the language that was chosen. */
  inWords() {
    translate(document);
    byId("panel").setAttribute("aria-label", t("page.panel"));
    byId("map").setAttribute("aria-label", t("page.map_choice"));
    this.panel.sheet.label();
    this.mapView.drawing?.setLabel(t("map.label"));
  }
}

new Page().start();
