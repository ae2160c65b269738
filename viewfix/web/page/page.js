/** The page: a photo comes in, the server is asked, the answer is shown in the panel and on the map. */
import { answerView, spoken } from "../shared/answer.js";
import { mapButtons, scaleBar } from "../shared/controls.js";
import { credits } from "../shared/credits.js";
import { element } from "../shared/dom.js";
import { drawIcons } from "../shared/icons.js";
import { distance, language, named, preferredLanguage, speak, t, translate } from "../shared/language.js";
import { asAnswer, readShared, shareLink } from "../shared/share.js";
import { isDark, onTheme, startTheme } from "../shared/theme.js";
import { askForKey, prepareDialogs, settingsDialog, showInliers, showLink } from "./dialogs.js";
import { listenForPhotos } from "./intake.js";
import { whereThisDeviceIs } from "./place.js";
import { Service, Trouble } from "./service.js";
import { Sheet } from "./sheet.js";
import { busyView, button, emptyView, fileButton, intakeView, troubleView } from "./views.js";

const WIDE = matchMedia("(min-width: 760px), (max-height: 480px) and (min-width: 600px)");
const QUIET_MS = 150;

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.service = new Service();
    /** @type {any[]} */
    this.maps = [];
    /** @type {any} */
    this.map = null; // of GET v1/maps
    /** @type {import("../shared/fixmap.js").FixMap | null} */
    this.drawing = null;
    this.basemap = null;
    this.keepsQueries = false;
    this.near = false;
    this.verify = "";
    /** @type {{view: string, [more: string]: any}} what the panel shows */
    this.state = { view: "start" };
    /** @type {{photo: File, picture: string} | null} */
    this.asked = null;
    this.asking = new AbortController();
    this.photosAsked = new AbortController();
    this.shown = null; // the view of the answer, which the map talks to
  }

  async start() {
    startTheme();
    drawIcons(document);
    prepareDialogs();
    await speak(preferredLanguage());
    this.sheet = new Sheet(byId("panel"), byId("handle"), () => this.fitFoot());
    this.scale = scaleBar();
    byId("map-foot").prepend(this.scale.element);
    this.inWords();
    const openSettings = settingsDialog({
      onLanguage: (code) => this.changeLanguage(code),
      onVerify: (how) => (this.verify = how),
      onForget: () => (this.service.key = null),
    });
    byId("open-settings").addEventListener("click", () =>
      openSettings({ ways: this.map?.verify ?? [], verify: this.verify, hasKey: this.service.key !== null }));
    byId("map-choice").addEventListener("change", (event) => this.chooseMap(event.target.value));
    listenForPhotos(byId("dropping"), (photo) => this.map && document.querySelector("dialog[open]") === null && this.locate(photo));
    addEventListener("hashchange", () => this.openLink());
    onTheme((dark) => this.drawing?.setLook({ dark, language: language() }));
    await this.load();
  }

  /** Ask the server what it has, and draw it. Also after trouble, to try again. */
  async load() {
    try {
      const [told, basemap] = await this.withKey(() => Promise.all([this.service.maps(), this.service.basemap()]));
      Object.assign(this, { maps: told.maps, keepsQueries: told.keeps_queries, basemap });
    } catch (error) {
      this.fail(error, () => this.load());
      return;
    }
    const drawn = this.drawMap(); // the panel does not wait for it
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
    this.lookAtMap({ jump: true });
    if (hash.length > 1) {
      history.replaceState(null, "", hash);
      this.openLink();
    } else if (this.state.answer) this.drawAnswer(this.state.answer); // it came before the map was drawn
  }

  async drawMap() {
    if (this.drawing !== null) return;
    try {
      const { FixMap } = await import("../shared/fixmap.js");
      this.drawing = await FixMap.make(byId("map"), {
        basemap: this.basemap,
        dark: isDark(),
        language: language(),
        margins: () => this.margins(),
        onPhoto: (photo, at) => this.openPhoto(photo, at),
        onCandidate: (index) => this.chooseCandidate(index, true),
        onSight: (index) => this.shown?.point(index),
        onMoved: (map) => this.moved(map),
        onTrouble: () => this.toast(t("page.basemap_trouble")),
      });
    } catch {
      byId("map").append(element("p", { class: "no-map", "data-t": "page.no_map_drawing" }, t("page.no_map_drawing")));
      return;
    }
    byId("map-corner").append(mapButtons(this.drawing.map, () => this.lookAtMap()));
    this.inWords();
  }

  /** @param {string} name */
  chooseMap(name, { look = true } = {}) {
    const chosen = this.maps.find((map) => map.name === name);
    if (chosen === undefined) return;
    this.map = chosen;
    byId("map-choice").value = name;
    this.drawing?.showPhotos({ type: "FeatureCollection", features: [] });
    this.restart({ focus: false });
    if (look) this.lookAtMap({ jump: true });
  }

  /** @param {{jump?: boolean}} [how] */
  lookAtMap(how = {}) {
    const bounds = this.map?.bounds;
    if (!bounds) return;
    const [west, south, east, north] = bounds;
    this.drawing?.lookAtBox([[west, south], [east, north]], how);
  }

  // A photo, from the question to the answer

  /** @param {File} photo */
  async locate(photo, { near = this.near, verify = this.verify } = {}) {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    if (this.asked?.photo !== photo) {
      if (this.asked) URL.revokeObjectURL(this.asked.picture);
      this.asked = { photo, picture: URL.createObjectURL(photo) };
    }
    this.forgetLink();
    this.drawing?.showAnswer(null);
    this.show({ view: "busy" });
    const again = () => this.locate(photo, { near, verify });
    try {
      const around = near ? await this.around() : null;
      signal.throwIfAborted();
      const question = { map: this.map.name, near: around, verify, language: language() };
      const answer = await this.withKey(() => this.service.locate(photo, question, {
        signal,
        onWait: (count) => this.shown?.say?.(t("busy.again", { count })),
        onSmaller: () => this.shown?.say?.(t("busy.smaller")),
      }));
      if (!signal.aborted) this.showAnswer({ answer, near: around, shared: false });
    } catch (error) {
      if (!signal.aborted) this.fail(error, again);
    }
  }

  async around() {
    this.shown?.say?.(t("busy.location"));
    const place = await whereThisDeviceIs();
    if (place === null) this.toast(t("trouble.location"));
    this.shown?.say?.(t("busy.photos", { count: this.map.photos }));
    return place;
  }

  /** @param {{answer: import("../shared/types.js").Answer, shared: boolean, [more: string]: any}} told */
  showAnswer(told) {
    this.show({ view: "answer", ...told });
    this.say(spoken(told.answer));
    this.drawAnswer(told.answer);
  }

  /** @param {import("../shared/types.js").Answer} answer */
  drawAnswer(answer) {
    this.drawing?.showAnswer(answer);
    this.drawing?.showSights(answer.properties.nearby.map(named));
    this.drawing?.choose(answer.properties.candidates.length > 0 ? 0 : -1);
    if (answer.properties.found) this.drawing?.lookAtAnswer();
    else this.lookAtMap();
  }

  /** @param {number} index @param {boolean} fromMap */
  chooseCandidate(index, fromMap) {
    this.drawing?.choose(index);
    if (fromMap) this.shown?.choose(index);
    const position = this.state.answer?.properties.candidates[index]?.position;
    if (position && !fromMap) this.drawing?.lookAt([position.lon, position.lat]);
  }

  /** Back to the invitation. */
  restart({ focus = true } = {}) {
    this.asking.abort();
    this.forgetLink();
    this.drawing?.showAnswer(null);
    this.show({ view: "intake" }, { focus });
  }

  /** @param {unknown} error @param {() => void} again */
  fail(error, again) {
    const trouble = error instanceof Trouble ? error : new Trouble("server", String(error));
    this.show({ view: "trouble", trouble, again });
  }

  /** Do something; if the server asks for a key, ask the reader for one and do it again. */
  async withKey(act) {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (!(error instanceof Trouble) || error.kind !== "key") throw error;
        const key = await askForKey(this.service.key !== null);
        if (key === null) throw error;
        this.service.key = key;
      }
    }
  }

  // Links

  openLink() {
    if (location.hash.length <= 1 || location.hash === "#map") return;
    const shared = readShared(location.hash);
    if (shared === null) {
      this.toast(t("shared.broken"));
      return;
    }
    if (shared.map !== null) this.chooseMapOfLink(shared.map);
    this.asking.abort();
    this.showAnswer({ answer: asAnswer(shared), shared: true });
  }

  /** @param {string} name as a link says; it may say anything */
  chooseMapOfLink(name) {
    if (name === this.map?.name) return;
    const hash = location.hash;
    this.chooseMap(name, { look: false });
    history.replaceState(null, "", hash);
  }

  forgetLink() {
    if (location.hash.length > 1) history.replaceState(null, "", location.pathname + location.search);
  }

  async share() {
    const link = shareLink(this.state.answer, location.href);
    try {
      if (matchMedia("(pointer: coarse)").matches && navigator.share) await navigator.share({ url: link });
      else {
        await navigator.clipboard.writeText(link);
        this.toast(t("answer.shared"));
      }
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") showLink(link); // AbortError: the reader thought better of it
    }
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

  /** Draw what the state says; again when the language changes. */
  render() {
    const makers = { intake: () => this.intake(), busy: () => this.busy(), answer: () => this.answer(), trouble: () => this.trouble(), empty: emptyView };
    this.shown = makers[this.state.view]?.() ?? null;
    byId("content").replaceChildren(...(this.shown ? [this.shown.element] : []));
    document.title = `${this.shown?.heading?.textContent ?? t("page.title")} · viewfix`;
  }

  intake() {
    return intakeView(this.map, { near: this.near, isKept: this.keepsQueries, onPhoto: (photo) => this.locate(photo), onNear: (near) => (this.near = near) });
  }

  busy() {
    return busyView({ picture: this.asked?.picture ?? null, photos: this.map.photos, onCancel: () => this.restart() });
  }

  trouble() {
    const { trouble, again } = this.state;
    const actions = [button(t("trouble.again"), "again", again, "button")];
    if (this.map !== null) actions.push(button(t("answer.another"), "picture", () => this.restart()));
    return troubleView(trouble, { actions });
  }

  answer() {
    const { answer, shared } = this.state;
    const found = answer.properties.found;
    const look = found ? "deed" : "button";
    const another = fileButton("choose-photo", "picture", t(shared ? "shared.own" : "answer.another"), look, (photo) => this.locate(photo));
    const actions = found ? [button(t("answer.share"), "share", () => this.share(), look), button(t("answer.on_map"), "target", () => this.seeOnMap(), look), another] : [another];
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

  /** What else can be tried with a photo that was not found. */
  advice() {
    const { near, answer } = this.state;
    const photo = this.asked?.photo;
    if (!photo) return [];
    const items = [];
    if (near) {
      items.push(element("li", {}, t("not_found.was_near", { distance: distance(near.radius_m) }), " ",
        button(t("not_found.everywhere"), null, () => this.locate(photo, { near: false }))));
    }
    if (this.map.verify?.includes("accurate") && answer.properties.verify !== "accurate") {
      items.push(element("li", {}, t("not_found.accurate_help"), " ",
        button(t("not_found.accurate"), null, () => this.locate(photo, { near: near !== null, verify: "accurate" }))));
    }
    return items;
  }

  inliers(candidate) {
    const { photo } = this.asked;
    showInliers(photo, () => this.service.picture(candidate.thumbnail, true), (signal) =>
      this.service.inliers(photo, this.state.answer.properties.map || this.map.name, candidate.id, signal));
  }

  lookAtSight(index) {
    const { position } = this.state.answer.properties.nearby[index];
    if (!WIDE.matches) this.sheet.to("half");
    this.drawing?.lookAt([position.lon, position.lat]);
  }

  seeOnMap() {
    if (!WIDE.matches) this.sheet.to("low");
    this.drawing?.lookAtAnswer();
    this.drawing?.map.getCanvas().focus();
  }

  // The map

  moved(map) {
    this.scale.draw(map);
    this.thank();
    clearTimeout(this.pause);
    this.pause = setTimeout(() => this.fetchPhotos(map), QUIET_MS);
  }

  async fetchPhotos(map) {
    if (this.map === null) return;
    this.photosAsked.abort();
    this.photosAsked = new AbortController();
    const { signal } = this.photosAsked;
    try {
      const photos = await this.service.photos(this.map.name, inView(map.getBounds()), signal);
      if (!signal.aborted) this.drawing?.showPhotos(photos);
    } catch {
      // what was drawn stays: the next move asks again, and a photo can be located all the same
    }
  }

  async openPhoto(photo, at) {
    const image = element("img", { alt: t("map.photo"), width: 240 });
    const content = element("figure", { class: "popup" }, photo.thumbnail ? image : null, element("figcaption", {}, photo.id));
    this.drawing?.openPopup(at, content);
    if (photo.thumbnail) image.src = await this.service.picture(photo.thumbnail).catch(() => (image.remove(), ""));
  }

  /** Pixels of the map that the panel covers. */
  margins() {
    const panel = byId("panel").getBoundingClientRect();
    return WIDE.matches ? { top: 0, right: 0, bottom: 0, left: panel.right } : { top: 0, right: 0, bottom: innerHeight - panel.top, left: 0 };
  }

  /** The foot of the map lies above a sheet, unless this covers nearly all. */
  fitFoot() {
    byId("map-foot").hidden = !WIDE.matches && byId("panel").offsetHeight > innerHeight * 0.8;
  }

  thank() {
    const sources = Object.keys(this.drawing?.map.getStyle()?.sources ?? {});
    const owed = sources.map((name) => this.drawing?.map.getSource(name)?.attribution).filter((each) => typeof each === "string" && each !== "");
    if (this.basemap?.attribution) owed.unshift(this.basemap.attribution);
    byId("map-credits").replaceChildren(credits(owed));
  }

  // Words

  async changeLanguage(code) {
    await speak(code, { remember: true });
    this.inWords();
    if (this.state.answer) this.drawing?.showSights(this.state.answer.properties.nearby.map(named));
    this.render();
    this.drawing?.setLook({ dark: isDark(), language: language() });
  }

  /** Write the words of the language into what stands on the page all the time. */
  inWords() {
    translate(document);
    byId("panel").setAttribute("aria-label", t("page.panel"));
    byId("map").setAttribute("aria-label", t("page.map_choice"));
    this.sheet?.label();
    this.drawing?.setLabel(t("map.label"));
  }

  /** @param {string} words */
  say(words) {
    byId("said").textContent = words;
  }

  /** A line that goes by itself. @param {string} words */
  toast(words) {
    const toast = byId("toast");
    toast.textContent = words;
    clearTimeout(this.toasted);
    this.toasted = setTimeout(() => (toast.textContent = ""), 6000);
  }
}

/** The box of a view as the server takes it: west, south, east, north, the world at most. */
function inView(box) {
  const [west, east] = [box.getWest(), box.getEast()];
  const latitudes = [Math.max(-90, box.getSouth()), Math.min(90, box.getNorth())];
  if (east - west >= 360) return [-180, latitudes[0], 180, latitudes[1]];
  const wrapped = (/** @type {number} */ lon) => ((((lon + 180) % 360) + 360) % 360) - 180;
  return [wrapped(west), latitudes[0], wrapped(east), latitudes[1]];
}

new Page().start();
