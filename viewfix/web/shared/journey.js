// A moving camera: its frames go to whoever answers them; its path, the card and the voice follow the answers.

import { Camera } from "./camera.js";
import { t } from "./language.js";
import { comingInWords, LiveCard } from "./live.js";
import { Path } from "./path.js";
import { Voice } from "./voice.js";
import { Wake } from "./wake.js";

const LOST_AFTER = 3; // frames without a place: a single one means little

/** @typedef {import("./types.js").Answer} Answer */

export class Journey {
  /**
   * @param {object} options
   * @param {HTMLVideoElement} options.video shows what the camera sees
   * @param {(frame: ImageBitmap, at: {timeS: number, isFirst: boolean}) => Promise<Answer>} options.ask
   * @param {(answer: Answer, path: Path, isLost: boolean) => void} options.onAnswer
   * @param {(words: string) => void} options.tell tells a screen reader that the place was lost or found
   * @param {() => void} options.onEnd the camera was taken away
   */
  constructor({ video, ask, onAnswer, tell, onEnd }) {
    this.ask = ask;
    this.onAnswer = onAnswer;
    this.tell = tell;
    this.voice = new Voice();
    this.wake = new Wake();
    this.camera = new Camera(video, (frame) => this.seen(frame), onEnd);
    /** @type {LiveCard | null} null while the camera is off */
    this.card = null;
    this.path = new Path();
    this.lastS = 0;
    this.missing = 0;
    this.wasFound = false;
    this.isLost = false;
  }

  get isOn() {
    return this.card !== null;
  }

  /** The card shows what happens; `start` then waits for the camera. */
  open() {
    this.path = new Path();
    this.lastS = this.missing = 0;
    this.wasFound = this.isLost = false;
    this.card = new LiveCard(this.voice);
    return this.card;
  }

  /** @throws {Error} if there is no camera, or it may not be used */
  async start() {
    const { card } = this;
    await this.camera.start();
    if (card !== null && this.card === card) await this.wake.on();
  }

  stop() {
    this.camera.stop();
    this.wake.off();
    this.voice.stop();
    this.card = null;
  }

  /** @param {ImageBitmap} frame */
  async seen(frame) {
    const { card } = this;
    const isFirst = this.lastS === 0;
    this.lastS = Math.max(this.lastS, Date.now() / 1000); // clocks are put back at times
    const timeS = this.lastS;
    const answer = await this.ask(frame, { timeS, isFirst });
    if (card === null || this.card !== card) return; // switched off, or on again, meanwhile
    const isFound = answer.geometry !== null;
    this.missing = isFound ? 0 : this.missing + 1;
    const wasLost = this.isLost;
    this.isLost = this.wasFound && this.missing >= LOST_AFTER;
    this.path.add(answer.geometry?.coordinates ?? null, timeS);
    card.show(answer, this.wasFound);
    if (this.isLost !== wasLost) this.tell(t(wasLost ? "journey.found_again" : "journey.lost"));
    this.wasFound ||= isFound;
    for (const each of answer.properties.say ?? []) this.voice.say(comingInWords(each, "long"));
    this.onAnswer(answer, this.path, this.isLost);
  }
}
