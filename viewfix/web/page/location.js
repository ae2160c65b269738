/** The position of this device, for a search around it. */

const LEAST_RADIUS_M = 1000; // GPS between houses is off by tens of metres, and people walk on before they ask
const MOST_RADIUS_M = 50_000; // a wider circle saves nothing over the whole map
const TIMES = 3; // the reported accuracy times this: the circle must be able to hold the true position
const PATIENCE_MS = 8000;

/** @returns {Promise<{lat: number, lon: number, radius_m: number} | null>} null if it is not known, or not precisely enough */
export function deviceLocation() {
  return new Promise((tell) => {
    if (!("geolocation" in navigator)) return tell(null);
    return navigator.geolocation.getCurrentPosition(
      ({ coords: { latitude, longitude, accuracy } }) => {
        const radius_m = Math.max(LEAST_RADIUS_M, TIMES * accuracy);
        tell(radius_m <= MOST_RADIUS_M ? { lat: latitude, lon: longitude, radius_m } : null); // NaN is not precise either
      },
      () => tell(null),
      { timeout: PATIENCE_MS, maximumAge: 60_000, enableHighAccuracy: true },
    );
  });
}
