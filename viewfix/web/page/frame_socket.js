/** One connection for the frames of a live camera: frames go out, answers come back. If it cannot be opened, requests are used. */
import { kindOf, ServiceError } from "./service.js";

const OPEN_MS = 5000;
const ANSWER_MS = 60_000;
const PROTOCOL = "viewfix.track";

export class NoSocket extends Error {}

export class FrameSocket {
  /** @param {string} address of the page's own host, with http or https @param {string | null} key */
  constructor(address, key) {
    this.address = address.replace(/^http/, "ws");
    this.protocols = key === null ? [PROTOCOL] : [PROTOCOL, `viewfix.key.${key}`];
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {{tell: (answer: any) => void, fail: (error: Error) => void} | null} who waits for an answer */
    this.waiting = null;
    this.wasUsed = false; // once a frame was sent
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** @param {string} address */
  isAt(address) {
    return this.address === address.replace(/^http/, "ws");
  }

  /** @throws {NoSocket} if there is no such connection: an older server, or a proxy that does not let it through */
  async open() {
    this.close();
    let socket;
    try {
      socket = new WebSocket(this.address, this.protocols);
    } catch {
      throw new NoSocket(); // a key with letters that a protocol may not have
    }
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => this.told(data));
    await new Promise((open, fail) => {
      const late = setTimeout(() => socket.close(), OPEN_MS);
      socket.addEventListener("open", () => (clearTimeout(late), open(undefined)), { once: true });
      socket.addEventListener("close", () => {
        clearTimeout(late);
        fail(new NoSocket());
        this.waiting?.fail(new NoSocket());
      });
    });
  }

  /**
   * Send a frame with its time, and wait for its answer. The first one goes on with a state; the server keeps it then.
   * @param {Blob} frame @param {number} timeS @param {string | null} state
   * @returns {Promise<any>}
   */
  async ask(frame, timeS, state) {
    const bytes = await frame.arrayBuffer();
    if (this.socket === null || !this.isOpen) throw new NoSocket();
    const answer = new Promise((tell, fail) => {
      const late = setTimeout(() => this.close(), ANSWER_MS);
      const done = (/** @type {(value: any) => void} */ end) => (/** @type {any} */ value) => (clearTimeout(late), (this.waiting = null), end(value));
      this.waiting = { tell: done(tell), fail: done(fail) };
    });
    this.socket.send(JSON.stringify(this.wasUsed || state === null ? { at_s: timeS } : { at_s: timeS, state }));
    this.wasUsed = true;
    this.socket.send(bytes);
    return answer;
  }

  /** @param {unknown} data */
  told(data) {
    const answer = readJson(data);
    if (answer === null) this.close();
    else if (answer.error) this.waiting?.fail(new ServiceError(kindOf(answer.error.status), String(answer.error.message ?? "")));
    else this.waiting?.tell(answer);
  }

  close() {
    this.socket?.close();
    this.waiting?.fail(new NoSocket());
    this.socket = null;
  }
}

/** @param {unknown} data */
function readJson(data) {
  try {
    const answer = JSON.parse(String(data));
    return answer !== null && typeof answer === "object" ? answer : null;
  } catch {
    return null;
  }
}
