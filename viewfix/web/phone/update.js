// Updates: a newer version on the server is installed in the background, whole or not at all.

import { InstallError, install, offered } from "./install.js";
import { clearOthers, currentVersion } from "./stored.js";

const EACH_MS = 60 * 60 * 1000;

/** @typedef {{kind: "looking" | "none" | "ready" | "failed" | "offline"} | {kind: "coming", share: number}} UpdateState */

export class Updates {
  /** @param {string} version of this page @param {(state: UpdateState, asked: boolean) => void} tell */
  constructor(version, tell) {
    this.version = version;
    this.tell = tell;
    this.busy = false;
    this.isWanted = false; // the user asked while it was busy
  }

  /** Look now, once an hour, and when the network comes back. */
  start() {
    clearOthers([this.version]).catch(() => {});
    this.look();
    setInterval(() => this.look(), EACH_MS);
    addEventListener("online", () => this.look());
  }

  /** @param {{asked?: boolean}} [how] whether the user asked, and is told how it ends */
  async look({ asked = false } = {}) {
    if (this.busy) {
      this.isWanted ||= asked;
      return;
    }
    this.busy = true;
    if (asked) this.tell({ kind: "looking" }, asked);
    try {
      const pack = await offered();
      if (pack.version === this.version) {
        this.tell({ kind: "none" }, asked);
        return;
      }
      if ((await currentVersion()) !== pack.version) {
        await install(pack, (done, total) => this.tell({ kind: "coming", share: done / total }, asked));
      }
      this.tell({ kind: "ready" }, asked);
    } catch (error) {
      console.warn(error);
      const isOffline = error instanceof InstallError && error.kind === "network" && error.message.startsWith("pack.json");
      this.tell({ kind: isOffline ? "offline" : "failed" }, asked);
    } finally {
      this.busy = false;
      if (this.isWanted) {
        this.isWanted = false;
        this.look({ asked: true });
      }
    }
  }
}
