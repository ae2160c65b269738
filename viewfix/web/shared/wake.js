// A screen that stays on while the camera looks around, where the browser can do that.

export class Wake {
  constructor() {
    this.isWanted = false;
    /** @type {any} */
    this.lock = null;
    document.addEventListener("visibilitychange", () => this.hold()); // a hidden page loses it
  }

  on() {
    this.isWanted = true;
    return this.hold();
  }

  off() {
    this.isWanted = false;
    this.lock?.release().catch(() => {});
    this.lock = null;
  }

  async hold() {
    if (!this.isWanted || document.hidden || !("wakeLock" in navigator)) return;
    try {
      const lock = await navigator.wakeLock.request("screen");
      if (this.isWanted) this.lock = lock;
      else await lock.release(); // switched off while the browser was asked
    } catch (error) {
      console.info(error); // the battery is low: the screen may go dark as it usually does
    }
  }
}
