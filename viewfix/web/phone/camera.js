// The camera goes in; a frame comes out about once a second, or as fast as it is dealt with.

const EACH_MS = 1000;
const WANTED = { video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 960 } }, audio: false };

export class Camera {
  /**
   * @param {HTMLVideoElement} video shows what it sees
   * @param {(frame: ImageBitmap) => Promise<void>} onFrame the next frame is taken after it is done
   */
  constructor(video, onFrame) {
    this.video = video;
    this.onFrame = onFrame;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.started = 0;
    document.addEventListener("visibilitychange", () => this.stream && document.hidden && this.video.pause());
    document.addEventListener("visibilitychange", () => this.stream && !document.hidden && this.video.play().catch(() => {}));
  }

  get isOn() {
    return this.stream !== null;
  }

  /** @throws where there is no camera, or it is not allowed */
  async start() {
    const mine = ++this.started;
    if (!navigator.mediaDevices) throw new Error("no camera");
    const stream = await navigator.mediaDevices.getUserMedia(WANTED);
    if (mine !== this.started) return stopped(stream); // switched off while the reader was asked
    this.stream = stream;
    this.video.srcObject = stream;
    await this.video.play();
    this.run(mine);
  }

  stop() {
    this.started++;
    stopped(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }

  /** @param {number} mine */
  async run(mine) {
    while (mine === this.started) {
      const began = performance.now();
      if (!document.hidden && this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        const frame = await createImageBitmap(this.video);
        await this.onFrame(frame).catch((error) => console.warn(error));
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(50, EACH_MS - (performance.now() - began))));
    }
  }
}

/** @param {MediaStream | null} stream */
function stopped(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
