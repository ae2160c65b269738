// The device's position as a circle to search in, while GPS is switched on and precise enough to help.

const LEAST_M = 150; // between houses, GPS is off by more than it reports
const MOST_M = 2000; // a wider circle saves nothing over the whole map
const TIMES = 3; // the reported accuracy times this
const OLD_MS = 60_000;

/** @typedef {"off" | "waiting" | "on" | "coarse" | "none"} GpsState */

export class Gps {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    /** @type {"off" | "waiting" | "on" | "none"} */
    this.mode = "off";
    /** @type {{lat: number, lon: number, radius: number, arrived: {steady: number, wall: number}} | null} */
    this.known = null;
    this.watching = 0;
  }

  /** "on" while there is a circle to search in; "coarse" while the position is too vague to be one. @returns {GpsState} */
  get state() {
    if (this.mode !== "on") return this.mode;
    if (!this.known || ageMs(this.known.arrived) > OLD_MS) return "waiting";
    return this.known.radius > MOST_M ? "coarse" : "on";
  }

  /** The circle to search in, radius in metres; null to search the whole map. */
  near() {
    if (this.state !== "on" || !this.known) return null;
    const { lat, lon, radius } = this.known;
    return { lat, lon, radius };
  }

  switchOn() {
    if (this.mode !== "off") return;
    if (!navigator.geolocation) return this.become("none");
    this.become("waiting");
    this.watching = navigator.geolocation.watchPosition(
      ({ coords: { latitude, longitude, accuracy } }) => {
        // The circle must be able to hold the true position, so a vague one is never made smaller. The age counts
        // from now: the time stamp may come from another clock than this device shows.
        if (!Number.isFinite(latitude) || !Number.isFinite(longitude)) return;
        const radius = typeof accuracy === "number" && accuracy >= 0 ? Math.max(LEAST_M, TIMES * accuracy) : Infinity;
        this.known = { lat: latitude, lon: longitude, radius, arrived: now() };
        this.become("on");
      },
      () => this.become(this.known ? "on" : "none"),
      { enableHighAccuracy: true, maximumAge: 5000 },
    );
  }

  switchOff() {
    if (this.watching) navigator.geolocation.clearWatch(this.watching);
    this.watching = 0;
    this.known = null;
    this.become("off");
  }

  /** @param {"off" | "waiting" | "on" | "none"} mode */
  become(mode) {
    this.mode = mode;
    this.onChange();
  }
}

/** Two clocks of this device: the first never jumps, the second goes on while the device sleeps. */
const now = () => ({ steady: performance.now(), wall: Date.now() });

/** @param {{steady: number, wall: number}} then */
function ageMs(then) {
  const { steady, wall } = now();
  return Math.max(steady - then.steady, wall - then.wall);
}
