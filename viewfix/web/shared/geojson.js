/** An answer as the GeoJSON that leaves viewfix everywhere: the form of viewfix/geojson.py; a test compares the keys. */
import { linksOfAnswer } from "./links.js";

/**
 * @param {import("./types.js").Answer} answer
 * @param {string} query the name of the photo
 * @returns {object} a GeoJSON Feature; its geometry is null if the photo is not in the map
 */
export function toGeoJson(answer, query) {
  const { geometry, properties } = answer;
  const { found, confidence, radius_m, heading_deg, reason, candidates, attribution, nearby } = properties;
  return {
    type: "Feature",
    geometry,
    properties: {
      query,
      found,
      confidence,
      radius_m,
      heading_deg,
      reason,
      candidates: candidates.map(candidateOf),
      attribution,
      nearby: nearby.map(nearbyOf),
      links: linksOfAnswer(answer),
    },
  };
}

/** @param {import("./types.js").Candidate} candidate */
function candidateOf({ id, similarity, inliers, position: { lat, lon, radius_m = null }, heading_deg, taken_at, attribution, licence }) {
  return { id, similarity, inliers, position: { lat, lon, radius_m }, heading_deg, taken_at, attribution, licence };
}

/** @param {import("./types.js").Nearby} nearby */
function nearbyOf({ id, name, names, kind, position: { lat, lon }, distance_m, bearing_deg, side, links }) {
  return { id, name, names, kind, position: { lat, lon }, distance_m, bearing_deg, side, links };
}
