// The live camera: one frame about once a second, or as fast as frames are dealt with, until the camera ends.

const EACH_MS = 1000;
const SHORTEST_WAIT_MS = 50;
const WANTED = { video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 960 } }, audio: false };

export class Camera {
  /**
   * @param {HTMLVideoElement} video shows what the camera sees
   * @param {(frame: ImageBitmap) => Promise<void>} onFrame the next frame is taken after it is done
   * @param {() => void} onEnd the camera was taken away: by another app, by the system, or by withdrawn permission
   */
  constructor(video, onFrame, onEnd) {
    this.video = video;
    this.onFrame = onFrame;
    this.onEnd = onEnd;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.started = 0;
    this.frames = 0; // that the video has shown
    document.addEventListener("visibilitychange", () => {
      if (!this.stream) return;
      if (document.hidden) this.video.pause();
      else if (this.hasEnded()) this.end();
      else this.video.play().catch(() => {});
    });
  }

  get isOn() {
    return this.stream !== null;
  }

  /** @throws {Error} if there is no camera, or it may not be used */
  async start() {
    const mine = ++this.started;
    if (!navigator.mediaDevices) throw new Error("this browser offers no camera");
    const stream = await navigator.mediaDevices.getUserMedia(WANTED);
    if (mine !== this.started) return stopTracks(stream); // switched off while the user was asked
    this.stream = stream;
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.stream === stream && this.end());
    this.video.srcObject = stream;
    this.countFrames(mine);
    await this.video.play();
    this.run(mine);
  }

  stop() {
    this.started++;
    stopTracks(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }

  end() {
    this.stop();
    this.onEnd();
  }

  /** A track that a script stopped fires no event, so its state is looked at as well. */
  hasEnded() {
    return this.stream !== null && this.stream.getVideoTracks().every((track) => track.readyState === "ended");
  }

  /** A muted track delivers no pictures for now, as while a call uses the camera. */
  isMuted() {
    return this.stream !== null && this.stream.getVideoTracks().every((track) => track.muted);
  }

  /** @param {number} mine */
  countFrames(mine) {
    const counted = () => {
      if (mine !== this.started) return;
      this.frames++;
      this.video.requestVideoFrameCallback(counted);
    };
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(counted);
  }

  /** @param {number} mine */
  async run(mine) {
    let seen = -1;
    while (mine === this.started) {
      if (this.hasEnded()) return this.end();
      const began = performance.now();
      const isNew = this.frames !== seen || !("requestVideoFrameCallback" in this.video); // never the same frame twice
      if (isNew && !document.hidden && !this.isMuted() && this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
        seen = this.frames;
        try {
          await this.onFrame(await createImageBitmap(this.video));
        } catch (error) {
          console.warn(error);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(SHORTEST_WAIT_MS, EACH_MS - (performance.now() - began))));
    }
  }
}

/** @param {MediaStream | null} stream */
function stopTracks(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
