// The app: a photo or the camera goes in, the worker is asked, the answer is shown in the panel and on the map.

import { answerView, spoken } from "../shared/answer.js";
import { element } from "../shared/dom.js";
import { distance, language, percent, speak, t, translate } from "../shared/language.js";
import { setTheme, startTheme, theme } from "../shared/theme.js";
import { Camera } from "./camera.js";
import { Engine } from "./engine.js";
import { Gps } from "./gps.js";
import { Ground } from "./ground.js";
import { layout } from "./layout.js";
import { LiveCard } from "./live.js";
import { makeSheet } from "./sheet.js";
import { Updates } from "./update.js";

const STYLES = ["../vendor/maplibre-gl.css", "../shared/shared.css", "style.css"];
const TOAST_MS = 6000;

/** Open the app in this page. @param {string} version of the pack that it belongs to */
export async function open(version) {
  startTheme();
  await Promise.all(STYLES.map(styled));
  const app = new App(version);
  await app.start();
}

/** @param {string} name */
function styled(name) {
  const link = element("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href });
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
}

class App {
  /** @param {string} version */
  constructor(version) {
    this.version = version;
    this.engine = new Engine();
    this.parts = layout();
    /** @type {any} */
    this.about = null;
    /** @type {{engine: string} | null} null as long as no photo can be described */
    this.prepared = null;
    /** @type {{answer: any, photo: Blob, address: string} | null} */
    this.answered = null;
    /** @type {LiveCard | null} */
    this.card = null;
    this.shown = null;
    this.asked = 0;
    this.gps = new Gps(() => this.tellGps());
    this.camera = new Camera(this.parts.video, (frame) => this.seen(frame));
    this.updates = new Updates(version, (state, asked) => this.tellUpdate(state, asked));
    /** @type {Map<number, Promise<string>>} */
    this.pictures = new Map();
  }

  async start() {
    const { parts } = this;
    this.about = await this.engine.ask("open");
    const picture = (/** @type {number} */ index) => this.picture(index);
    const onCandidate = (/** @type {number} */ index) => this.choose(index);
    this.ground = new Ground({ engine: this.engine, parts, about: this.about, picture, onCandidate, onSight: (index) => this.shown?.point(index) });
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
    document.documentElement.dataset.ready = "true";
    this.updates.start();
  }

  listen() {
    const { parts } = this;
    parts.live.addEventListener("click", () => (this.card ? this.stopLive() : this.startLive()));
    parts.file.addEventListener("change", () => {
      const [photo] = parts.file.files ?? [];
      if (photo) this.locate(photo);
      parts.file.value = ""; // so that the same photo can be chosen again
    });
    parts.gps.addEventListener("change", () => (parts.gps.checked ? this.gps.switchOn() : this.gps.switchOff()));
    parts.openSettings.addEventListener("click", () => {
      parts.settings.updateWords.textContent = "";
      parts.settings.dialog.showModal();
    });
    const { language: choice, dialog, update } = parts.settings;
    choice.addEventListener("change", async () => {
      await speak(choice.value, { remember: true });
      this.inWords();
      this.ground?.changeLanguage();
      if (this.answered) this.showAnswer(this.answered, { focus: false });
      else if (!this.card) this.invite();
    });
    for (const each of dialog.querySelectorAll("input[name=theme]")) {
      const radio = /** @type {HTMLInputElement} */ (each);
      radio.checked = radio.value === theme();
      radio.addEventListener("change", () => setTheme(radio.value));
    }
    update.addEventListener("click", () => this.updates.look({ asked: true }));
  }

  /** Write all words that stay, in the language that is spoken. */
  inWords() {
    const { parts } = this;
    translate(document);
    parts.settings.language.value = language();
    document.title = parts.title.textContent = this.about.title;
    parts.statusWords.textContent = this.prepared ? t("phone.ready") : t("phone.starting");
    parts.status.classList.toggle("is-ready", this.prepared !== null);
    const lines = [this.inNumbers(), t("phone.version", { version: this.version })];
    if (this.prepared) lines.push(t("phone.engine", { engine: this.prepared.engine }));
    parts.settings.about.replaceChildren(...lines.map((line) => element("li", {}, line)));
    this.sheet?.label();
    this.labelLive();
    this.tellGps();
  }

  inNumbers() {
    const { photos, points, calibrated } = this.about;
    const counts = [t("intake.photos", { count: photos }), points ? t("intake.sights", { count: points }) : ""];
    return counts.filter(Boolean).join(", ") + (calibrated ? "" : `. ${t("intake.not_calibrated")}`);
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
    if (this.answered && this.answered.photo !== photo) URL.revokeObjectURL(this.answered.address);
    const address = this.answered?.photo === photo ? this.answered.address : URL.createObjectURL(photo);
    const near = everywhere ? null : this.gps.near();
    this.busy(address);
    try {
      const { answer } = await this.engine.ask("locate", { photo, near, k: 8 });
      if (mine !== this.asked) return;
      this.answered = { answer, photo, address, near };
      this.showAnswer(this.answered);
      this.ground?.show(answer);
    } catch (error) {
      console.warn(error);
      if (mine !== this.asked) return;
      this.answered = null;
      this.ground?.show(null);
      this.parts.content.replaceChildren(element("div", { class: "trouble", role: "alert" }, element("h2", {}, t("trouble.title")), element("p", {}, t("phone.not_a_photo"))));
    }
  }

  /** @param {string} address */
  busy(address) {
    const picture = element("img", { src: address, alt: "" });
    picture.addEventListener("error", () => picture.remove());
    this.parts.content.replaceChildren(element("div", { class: "busy" }, picture, element("p", { role: "status" }, t("busy.title"))));
    this.sheet?.to("half");
  }

  /** @param {any} answered @param {{focus?: boolean}} [how] */
  showAnswer({ answer, photo, address, near }, { focus = true } = {}) {
    const advice = near ? [this.everywhere(photo, near)] : [];
    this.shown = answerView(answer, {
      query: address,
      picture: (thumbnail) => this.picture(Number(thumbnail.split("/").pop())),
      onCandidate: (index) => this.choose(index),
      onSight: (index) => this.ground?.lookAt(answer.properties.nearby[index].position),
      advice,
    });
    this.parts.content.replaceChildren(this.shown.element);
    this.parts.content.scrollTop = 0;
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

  /** The address of a thumbnail. @param {number} index */
  picture(index) {
    const known = this.pictures.get(index) ?? this.engine.ask("thumbnail", { index }).then((/** @type {Blob} */ blob) => URL.createObjectURL(blob));
    this.pictures.set(index, known);
    return known;
  }

  // The camera

  async startLive() {
    this.asked++;
    this.card = new LiveCard();
    this.parts.content.replaceChildren(this.card.element);
    this.parts.preview.hidden = false;
    this.labelLive();
    try {
      await this.camera.start();
    } catch (error) {
      console.warn(error);
      this.stopLive();
      this.invite(t("phone.live_none"));
    }
  }

  stopLive() {
    if (!this.card) return;
    this.camera.stop();
    this.card = null;
    this.parts.preview.hidden = true;
    this.labelLive();
    if (!this.asked || !this.answered) this.invite();
    else this.showAnswer(this.answered, { focus: false });
  }

  labelLive() {
    const words = this.parts.live.querySelector("span");
    if (words) words.textContent = t(this.card ? "phone.live_stop" : "phone.live");
    this.parts.live.classList.toggle("is-on", this.card !== null);
  }

  /** @param {ImageBitmap} frame */
  async seen(frame) {
    const { answer } = await this.engine.ask("locate", { photo: frame, near: this.gps.near(), k: 3 }, [frame]);
    if (!this.card) return;
    this.card.show(answer);
    if (answer.properties.found) this.ground?.follow(answer);
  }

  // What is told beside the answer

  tellGps() {
    const { gps, parts } = this;
    const near = gps.near();
    const words = { off: "", waiting: t("phone.gps_waiting"), none: t("phone.gps_none"), on: near ? t("phone.gps_on", { distance: distance(near.radius) }) : t("phone.gps_waiting") };
    parts.gpsWords.textContent = words[gps.state];
    parts.gps.checked = gps.state !== "off";
  }

  /** @param {import("./update.js").UpdateState} state @param {boolean} asked */
  tellUpdate(state, asked) {
    const share = state.kind === "coming" ? percent(state.share) : "";
    const words = t(`phone.update_${state.kind}`, { percent: share });
    this.parts.settings.updateWords.textContent = words;
    if (state.kind === "ready") {
      const use = element("button", { type: "button", class: "button", onclick: () => location.reload() }, t("phone.update_use"));
      this.toast(words, use);
      if (asked) this.parts.settings.updateWords.replaceChildren(`${words} `, use.cloneNode(true));
      this.parts.settings.updateWords.querySelector("button")?.addEventListener("click", () => location.reload());
    }
    if (state.kind === "failed") this.toast(words);
  }

  /** @param {string} words @param {HTMLElement} [button] it stays as long as there is something to press */
  toast(words, button) {
    const { toast } = this.parts;
    toast.replaceChildren(element("span", {}, words), ...(button ? [button] : []));
    if (!button) setTimeout(() => toast.replaceChildren(), TOAST_MS);
  }
}
