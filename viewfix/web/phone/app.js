// The app: asks the worker about a photo or a frame of the camera, and shows the answer in the panel and on the map.

import { answerView, spoken } from "../shared/answer.js";
import { element } from "../shared/dom.js";
import { expectedWords } from "../shared/expected.js";
import { Journey } from "../shared/journey.js";
import { distance, t, translate } from "../shared/language.js";
import { asAnswer, readShared } from "../shared/share.js";
import { startTheme } from "../shared/theme.js";
import { Engine } from "./engine.js";
import { Gps } from "./gps.js";
import { Ground } from "./ground.js";
import { layout, loadStyles } from "./layout.js";
import { Messages } from "./messages.js";
import { Settings } from "./settings.js";
import { shareButtons } from "./share.js";
import { makeSheet } from "./sheet.js";
import { Updates } from "./update.js";
import { Wayfinder } from "./wayfinder.js";

/** Open the app in this page. @param {string} version of its pack */
export async function open(version) {
  startTheme();
  const engine = new Engine();
  const about = await engine.ask("open"); // before anything is drawn: a damaged pack is told on the first screen
  await loadStyles();
  await new App(version, engine, about).start();
}

class App {
  /** @param {string} version @param {Engine} engine @param {any} about what the worker says about the pack */
  constructor(version, engine, about) {
    this.version = version;
    this.engine = engine;
    this.about = about;
    this.parts = layout();
    /** @type {{engine: string} | null} null until photos can be described */
    this.prepared = null;
    /** @type {{answer: any, photo: Blob | null, address: string | null, near: any} | null} no photo: from a link */
    this.answered = null;
    this.shown = null;
    this.asked = 0;
    this.messages = new Messages(this.parts);
    this.gps = new Gps(() => this.messages.tellGps(this.gps));
    this.journey = new Journey({
      video: this.parts.video,
      ask: (frame, at) => this.follow(frame, at),
      onAnswer: (answer, path, isLost) => this.followed(answer, path, isLost),
      tell: (words) => (this.parts.said.textContent = words),
      failed: (error) => t("phone.failed", { message: /** @type {Error} */ (error).message }),
      onEnd: () => this.cameraEnded(),
    });
    this.updates = new Updates(version, (state, asked) => this.messages.tellUpdate(state, asked));
    this.settings = new Settings(this.parts, () => this.updates.look({ asked: true }));
    /** @type {Map<number, Promise<string>>} */
    this.pictures = new Map();
  }

  async start() {
    const { parts } = this;
    const picture = (/** @type {number} */ index) => this.picture(index);
    const onCandidate = (/** @type {number} */ index) => this.choose(index);
    this.ground = new Ground({ engine: this.engine, parts, about: this.about, picture, onCandidate, onSight: (index) => this.touchedSight(index), onGround: (at) => this.touchedGround(at) });
    this.way = new Wayfinder({
      engine: this.engine, about: this.about, here: () => this.gps.near(),
      onLine: (line, look) => this.ground?.showWay(line, look),
      onSight: (position) => this.ground?.lookAt(position),
      onOpen: () => { this.sheet?.to("half"); parts.scroll.scrollTop = 0; },
    });
    parts.scroll.prepend(this.way.element);
    this.sheet = makeSheet(parts.panel, parts.handle, () => {});
    this.listen();
    this.inWords();
    document.getElementById("start")?.remove();
    this.invite(t("phone.preparing"));
    await this.ground.start();
    try {
      this.prepared = await this.engine.ask("prepare");
    } catch (error) {
      this.invite(t("phone.failed", { message: /** @type {Error} */ (error).message }));
      return;
    }
    this.inWords();
    this.invite();
    this.openLink();
    addEventListener("hashchange", () => this.openLink());
    document.documentElement.dataset.ready = "true";
    this.updates.start();
  }

  listen() {
    const { parts } = this;
    parts.live.addEventListener("click", () => (this.journey.isOn ? this.stopLive() : this.startLive()));
    parts.file.addEventListener("change", () => {
      const [photo] = parts.file.files ?? [];
      if (photo) this.locate(photo);
      parts.file.value = ""; // so that the same photo can be chosen again
    });
    parts.gps.addEventListener("change", () => (parts.gps.checked ? this.gps.switchOn() : this.gps.switchOff()));
    this.settings.listen(() => {
      this.inWords();
      this.ground?.changeLanguage();
      this.way?.inWords();
      if (this.answered) this.showAnswer(this.answered, { focus: false });
      else if (!this.journey.isOn) this.invite();
    });
  }

  /** Write all words that stay on the screen, in the language that was chosen. */
  inWords() {
    const { parts } = this;
    translate(document);
    document.title = parts.title.textContent = this.about.title;
    parts.statusWords.textContent = this.prepared ? t("phone.ready") : t("phone.starting");
    parts.status.classList.toggle("is-ready", this.prepared !== null);
    this.settings.inWords([this.inNumbers(), t("phone.version", { version: this.version }), this.prepared ? t("phone.engine", { engine: this.prepared.engine }) : ""]);
    this.sheet?.label();
    this.labelLive();
    this.messages.tellGps(this.gps);
  }

  inNumbers() {
    const { photos, points, calibrated, shareFound } = this.about;
    const counts = [t("intake.photos", { count: photos }), points ? t("intake.sights", { count: points }) : ""];
    const more = [calibrated ? "" : t("intake.not_calibrated"), shareFound === null ? "" : expectedWords(shareFound)];
    return [counts.filter(Boolean).join(", "), ...more.filter(Boolean)].join(". ");
  }

  /** What the panel says before there is an answer. @param {string} [lead] */
  invite(lead = t("phone.lead")) {
    const isReady = this.prepared !== null;
    /** @type {HTMLButtonElement} */ (this.parts.live).disabled = !isReady;
    this.parts.file.disabled = !isReady;
    this.parts.choose.classList.toggle("is-off", !isReady);
    this.parts.content.replaceChildren(element("p", { class: "lead" }, lead), element("p", { class: "soft" }, this.inNumbers()), element("p", { class: "soft" }, t("phone.private")));
  }

  // Photos

  /** @param {Blob} photo @param {{everywhere?: boolean}} [how] */
  async locate(photo, { everywhere = false } = {}) {
    this.stopLive();
    const mine = ++this.asked;
    const isSame = this.answered?.photo === photo;
    if (this.answered?.address && !isSame) URL.revokeObjectURL(this.answered.address);
    const address = (isSame && this.answered?.address) || URL.createObjectURL(photo);
    const near = everywhere ? null : this.gps.near();
    this.messages.tellGps(this.gps);
    this.ground?.showPath(null, false);
    this.messages.busy(address);
    this.sheet?.to("half");
    try {
      const { answer } = await this.engine.ask("locate", { photo, near });
      if (mine !== this.asked) return;
      this.answered = { answer, photo, address, near };
      this.way?.fixed(answer);
      this.showAnswer(this.answered);
      this.ground?.show(answer);
    } catch (error) {
      console.warn(error);
      if (mine !== this.asked) return;
      this.answered = null;
      this.ground?.show(null);
      this.messages.notAPhoto();
    }
  }

  /** @param {any} answered @param {{focus?: boolean}} [how] */
  showAnswer({ answer, photo, address, near }, { focus = true } = {}) {
    const advice = near && photo ? [this.everywhere(photo, near)] : [];
    const query = photo && "name" in photo ? String(photo.name) : "";
    this.shown = answerView(answer, {
      query: address,
      shared: photo === null,
      actions: photo ? shareButtons(answer, { title: this.about.title, query, say: (words) => this.messages.toast(words) }) : [],
      picture: (thumbnail) => this.picture(Number(thumbnail.split("/").pop())),
      onCandidate: (index) => this.choose(index),
      onSight: (index) => this.ground?.lookAt(answer.properties.nearby[index].position),
      advice,
    });
    this.parts.content.replaceChildren(this.shown.element);
    this.parts.scroll.scrollTop = 0;
    this.parts.said.textContent = spoken(answer);
    if (focus) this.shown.heading.focus({ preventScroll: true });
  }

  /** @param {Blob} photo @param {{radius: number}} near */
  everywhere(photo, near) {
    const again = element("button", { type: "button", class: "button quiet", onclick: () => this.locate(photo, { everywhere: true }) }, t("not_found.everywhere"));
    return element("li", {}, `${t("not_found.was_near", { distance: distance(near.radius) })} `, again);
  }

  /** @param {number} index */
  choose(index) {
    this.ground?.choose(index);
    this.shown?.choose(index);
  }

  /** A sight on the map was tapped. @param {number} index of the answer's sights */
  touchedSight(index) {
    this.shown?.point(index);
    const sight = this.answered?.answer.properties.nearby[index];
    if (sight) this.offerWay(sight);
  }

  /** The map was tapped where nothing is. @param {[number, number]} at */
  touchedGround([lon, lat]) {
    this.offerWay({ name: "", position: { lat, lon }, isPlace: true });
  }

  /** @param {import("./wayfinder.js").Goal} goal */
  offerWay(goal) {
    if (!this.about.roads || !this.way) return;
    const { lat, lon } = goal.position;
    this.ground?.openOffer([lon, lat], this.way.offer(goal, () => this.ground?.closeOffer()));
  }

  /** The address of a thumbnail. @param {number} index */
  picture(index) {
    const known = this.pictures.get(index) ?? this.engine.ask("thumbnail", { index }).then((/** @type {Blob} */ blob) => URL.createObjectURL(blob));
    this.pictures.set(index, known);
    return known;
  }

  /** Show the position that the address of the page holds, as a shared link does. */
  openLink() {
    if (location.hash.length <= 1) return;
    const shared = readShared(location.hash);
    history.replaceState(null, "", location.pathname + location.search);
    if (shared === null) return this.messages.toast(t("shared.broken"));
    this.stopLive();
    this.asked++;
    this.answered = { answer: asAnswer(shared), photo: null, address: null, near: null };
    this.showAnswer(this.answered);
    this.ground?.show(this.answered.answer);
  }

  // The camera

  async startLive() {
    this.asked++;
    const card = this.journey.open();
    this.parts.content.replaceChildren(card.element);
    this.ground?.show(null);
    this.ground?.showPath(null, false);
    this.parts.preview.hidden = false;
    this.labelLive();
    try {
      await this.journey.start();
    } catch (error) {
      console.warn(error);
      if (this.journey.card !== card) return; // it was switched off meanwhile
      this.stopLive();
      this.invite(t("phone.live_none"));
    }
  }

  /** Another app or the system took the camera. */
  cameraEnded() {
    this.stopLive();
    this.invite(t("phone.live_ended"));
    this.parts.said.textContent = t("phone.live_ended");
  }

  stopLive() {
    if (!this.journey.isOn) return;
    this.journey.stop();
    this.ground?.showPath(this.journey.path, false);
    this.parts.preview.hidden = true;
    this.labelLive();
    if (!this.asked || !this.answered) this.invite();
    else this.showAnswer(this.answered, { focus: false });
  }

  labelLive() {
    const words = this.parts.live.querySelector("span");
    if (words) words.textContent = t(this.journey.isOn ? "phone.live_stop" : "phone.live");
    this.parts.live.classList.toggle("is-on", this.journey.isOn);
  }

  /** @param {ImageBitmap} frame @param {{timeS: number, isFirst: boolean}} at */
  follow(frame, at) {
    this.messages.tellGps(this.gps);
    return this.engine.ask("follow", { frame, near: this.gps.near(), mode: this.settings.mode, ...at }, [frame]);
  }

  /** @param {import("../shared/types.js").Answer} answer @param {import("../shared/path.js").Path} path @param {boolean} isLost */
  followed(answer, path, isLost) {
    this.way?.fixed(answer);
    if (answer.geometry) this.ground?.follow(answer);
    this.ground?.showPath(path, isLost);
  }
}
