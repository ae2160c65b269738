/** A moving camera on the page: the live camera, or a recording; its path is drawn while the answers arrive. */
import { element } from "../shared/dom.js";
import { Journey } from "../shared/journey.js";
import { number, t } from "../shared/language.js";
import { Path } from "../shared/path.js";
import { travelField, travelMode } from "../shared/travel.js";
import { asFrame, Following } from "./following.js";
import { momentsOf } from "./recording.js";
import { ServiceError } from "./service.js";
import { button } from "./views.js";

/**
 * @typedef {object} MovingOptions
 * @property {import("./service.js").Service} service
 * @property {import("./mapview.js").MapView} mapView
 * @property {(words: string) => void} say to screen readers
 * @property {(made: {element: HTMLElement, heading: HTMLElement}) => void} show in the panel
 * @property {(words: string) => void} end back to the start, with a reason or ""
 */

export class Moving {
  /** @param {MovingOptions} options */
  constructor(options) {
    this.options = options;
    this.asking = new AbortController();
    /** @type {Journey | null} */
    this.journey = null;
  }

  stop() {
    this.asking.abort();
    this.journey?.stop();
    this.journey = null;
    this.options.mapView.drawing?.showPath(new Path().collection());
  }

  /** @param {string} map @param {boolean} isLive */
  follow(map, isLive) {
    this.stop();
    this.asking = new AbortController();
    return this.following(map, isLive);
  }

  /** @param {string} map @param {boolean} isLive */
  following(map, isLive) {
    return new Following(this.options.service, { map, mode: travelMode(), signal: this.asking.signal, isLive });
  }

  // The live camera

  /** @param {string} map its name */
  async live(map) {
    let following = this.follow(map, true);
    const video = /** @type {HTMLVideoElement} */ (element("video", { playsinline: true, class: "preview", "aria-label": t("phone.live_preview") }));
    video.muted = true; // the attribute alone has no effect on elements made by scripts
    const journey = (this.journey = new Journey({
      video,
      ask: async (frame, { timeS }) => {
        if (following.mode !== travelMode()) {
          following.end(); // a track keeps its mode: another one begins
          following = this.following(map, true);
        }
        return following.next(await asFrame(frame).finally(() => frame.close()), timeS);
      },
      onAnswer: (answer, path) => this.draw(answer, path),
      tell: this.options.say,
      failed: (error) => t(`failure.${error instanceof ServiceError ? error.kind : "server"}`),
      onEnd: () => this.options.end(t("phone.live_ended")),
    }));
    const heading = element("h2", { tabindex: "-1", "data-t": "phone.live" }, t("phone.live"));
    const stop = button(t("phone.live_stop"), null, () => this.options.end(""), "button");
    const card = journey.open();
    this.options.show({ heading, element: element("div", { class: "moving" }, element("div", { class: "moving-head" }, heading, stop), video, card.element, travelField()) });
    try {
      await journey.start();
    } catch (error) {
      console.warn(error);
      if (this.journey === journey) this.options.end(t("phone.live_none"));
    }
  }

  /** @param {import("../shared/types.js").Answer} answer @param {Path} path */
  draw(answer, path) {
    const { drawing } = this.options.mapView;
    drawing?.showPath(path.collection());
    if (!answer.geometry) return;
    const isFirst = !drawing?.answer?.geometry;
    drawing?.showAnswer(answer);
    if (isFirst) drawing?.lookAtAnswer();
    else if (!drawing?.isInView(answer.geometry.coordinates)) drawing?.lookAt(answer.geometry.coordinates);
  }

  // A recording

  /** @param {File[]} files a film, or photos @param {string} map its name */
  async recording(files, map) {
    const following = this.follow(map, false);
    const { signal } = this.asking;
    const heading = element("h2", { tabindex: "-1", "data-t": "recording.busy" }, t("recording.busy"));
    const bar = /** @type {HTMLProgressElement} */ (element("progress", { "aria-label": t("recording.busy") }));
    const told = element("p", { class: "soft", role: "status" });
    const actions = element("div", { class: "actions" }, button(t("page.cancel"), null, () => this.options.end("")));
    this.options.show({ heading, element: element("div", { class: "moving" }, heading, bar, told, actions) });
    const path = new Path();
    let [placed, asked] = [0, 0];
    for await (const { frame, timeS, done, count } of momentsOf(files, signal)) {
      const answer = await following.next(frame, timeS);
      signal.throwIfAborted();
      asked = done;
      if (answer.geometry) placed++;
      path.add(answer.geometry?.coordinates ?? null, timeS);
      Object.assign(bar, { max: count, value: done });
      told.textContent = t("recording.placed", { placed: number(placed), count: asked });
      this.draw(answer, path);
    }
    heading.textContent = t(placed ? "recording.done" : "recording.nothing");
    heading.dataset.t = placed ? "recording.done" : "recording.nothing";
    bar.remove();
    const box = path.box();
    if (box) this.options.mapView.drawing?.lookAtBox(box);
    actions.replaceChildren(...(placed ? [button(t("phone.save"), null, () => save(path), "button")] : []), button(t("recording.another"), null, () => this.options.end("")));
    this.options.say(`${heading.textContent}. ${told.textContent}`);
    heading.focus({ preventScroll: true });
  }
}

/** Save the path as a file. @param {Path} path */
function save(path) {
  const address = URL.createObjectURL(new Blob([JSON.stringify(path.collection())], { type: "application/geo+json" }));
  element("a", { href: address, download: "path.geojson" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
