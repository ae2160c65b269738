// The device's GPS goes in; a circle to search in comes out, as long as it is switched on and knows one.

const LEAST_M = 150; // between houses GPS errs by more than it says
const MOST_M = 2000;
const TIMES = 3; // of the accuracy that it tells
const OLD_MS = 60_000;

/** @typedef {"off" | "waiting" | "on" | "none"} GpsState */

export class Gps {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    /** @type {GpsState} */
    this.state = "off";
    /** @type {{lat: number, lon: number, radius: number, at: number} | null} */
    this.known = null;
    this.watching = 0;
  }

  /** The circle to search in; null for the whole map. */
  near() {
    if (this.state !== "on" || !this.known || Date.now() - this.known.at > OLD_MS) return null;
    const { lat, lon, radius } = this.known;
    return { lat, lon, radius };
  }

  switchOn() {
    if (this.state !== "off") return;
    if (!navigator.geolocation) return this.become("none");
    this.become("waiting");
    this.watching = navigator.geolocation.watchPosition(
      ({ coords, timestamp }) => {
        const radius = Math.min(MOST_M, Math.max(LEAST_M, TIMES * coords.accuracy));
        this.known = { lat: coords.latitude, lon: coords.longitude, radius, at: timestamp };
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

  /** @param {GpsState} state */
  become(state) {
    this.state = state;
    this.onChange();
  }
}
