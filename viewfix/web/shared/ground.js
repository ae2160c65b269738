/** Degrees and metres: points around a position, boxes, and how many metres a pixel of the map is. */

const EARTH_RADIUS_M = 6_371_008.8;
const RADIANS = Math.PI / 180;

/**
 * The point at a distance and bearing from another.
 * @param {[number, number]} from longitude, latitude
 * @param {number} bearing_deg clockwise from north
 * @param {number} distance_m
 * @returns {[number, number]} longitude (not wrapped, so that a circle over the 180th meridian stays whole), latitude
 */
export function destination([lon, lat], bearing_deg, distance_m) {
  const angle = distance_m / EARTH_RADIUS_M;
  const bearing = bearing_deg * RADIANS;
  const north = lat * RADIANS;
  const sine = Math.sin(north) * Math.cos(angle) + Math.cos(north) * Math.sin(angle) * Math.cos(bearing);
  const east = Math.atan2(Math.sin(bearing) * Math.sin(angle) * Math.cos(north), Math.cos(angle) - Math.sin(north) * sine);
  return [lon + east / RADIANS, Math.asin(Math.max(-1, Math.min(1, sine))) / RADIANS];
}

/**
 * @param {[number, number]} centre longitude, latitude
 * @param {number} radius_m
 * @returns {object} a GeoJSON polygon
 */
export function circle(centre, radius_m) {
  const ring = Array.from({ length: 73 }, (_, index) => destination(centre, (index % 72) * 5, radius_m));
  return { type: "Polygon", coordinates: [ring] };
}

/**
 * @param {[number, number]} centre longitude, latitude
 * @param {number} radius_m
 * @returns {[[number, number], [number, number]]} south-west and north-east corner of the box around a circle
 */
export function boxAround(centre, radius_m) {
  const south = destination(centre, 180, radius_m)[1];
  const north = destination(centre, 0, radius_m)[1];
  return [[destination(centre, 270, radius_m)[0], south], [destination(centre, 90, radius_m)[0], north]];
}

/** @param {number} lat @param {number} zoom of a MapLibre map, whose world is 512 pixels wide at zoom 0 */
export function metresPerPixel(lat, zoom) {
  return (2 * Math.PI * EARTH_RADIUS_M * Math.cos(lat * RADIANS)) / (512 * 2 ** zoom);
}

/** The largest of 1, 2, 5, 10, 20, 50 … that is not larger. @param {number} value */
export function roundDown(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [5, 2, 1].map((digit) => digit * power).find((round) => round <= value) ?? power;
}
