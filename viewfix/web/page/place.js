/** Asks the device where it is, for a search around there; null where it does not say. */

const LEAST_RADIUS_M = 1000; // GPS between houses is off by tens of metres, and people walk on before they ask
const PATIENCE_MS = 8000;

/** @returns {Promise<{lat: number, lon: number, radius_m: number} | null>} */
export function whereThisDeviceIs() {
  return new Promise((tell) => {
    if (!("geolocation" in navigator)) return tell(null);
    return navigator.geolocation.getCurrentPosition(
      ({ coords }) => tell({ lat: coords.latitude, lon: coords.longitude, radius_m: Math.max(LEAST_RADIUS_M, 3 * coords.accuracy) }),
      () => tell(null),
      { timeout: PATIENCE_MS, maximumAge: 60_000, enableHighAccuracy: true },
    );
  });
}
