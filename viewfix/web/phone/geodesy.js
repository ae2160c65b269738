// Distances, bearings and moves on the WGS84 ellipsoid, by Vincenty's formulas, to a tenth of a millimetre.

const A_M = 6378137;
const FLATTENING = 1 / 298.257223563;
const B_M = A_M * (1 - FLATTENING);
const ROUNDS = 200;
const RAD = Math.PI / 180;

/** @typedef {{lat: number, lon: number}} Place  degrees */

/** @param {number} heading any number of degrees; brought into [0, 360) */
export function wrapHeading(heading) {
  const wrapped = ((heading % 360) + 360) % 360;
  return wrapped >= 360 ? 0 : wrapped;
}

/** @param {number} lon any number of degrees; brought into [-180, 180) */
export function wrapLon(lon) {
  return ((((lon + 180) % 360) + 360) % 360) - 180;
}

/** @param {number} u2 cos² of the azimuth, times the second eccentricity squared */
function series(u2) {
  const A = 1 + (u2 / 16384) * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)));
  const B = (u2 / 1024) * (256 + u2 * (-128 + u2 * (74 - 47 * u2)));
  return [A, B];
}

/** The difference between an arc on the ellipsoid and on the sphere. */
function correction(/** @type {number} */ B, /** @type {number} */ sin, /** @type {number} */ cos, /** @type {number} */ cos2) {
  const inner = cos * (2 * cos2 * cos2 - 1) - (B / 6) * cos2 * (4 * sin * sin - 3) * (4 * cos2 * cos2 - 3);
  return B * sin * (cos2 + (B / 4) * inner);
}

/**
 * The shortest line from one point to another.
 * @param {Place} from @param {Place} to
 * @returns {{metres: number, bearing: number}} bearing in degrees, clockwise from north, where the line begins
 */
export function inverse(from, to) {
  if (from.lat === to.lat && from.lon === to.lon) return { metres: 0, bearing: 180 }; // as PROJ says
  const L = wrapLon(to.lon - from.lon) * RAD;
  const [u1, u2] = [from.lat, to.lat].map((lat) => Math.atan((1 - FLATTENING) * Math.tan(lat * RAD)));
  const [sinU1, cosU1, sinU2, cosU2] = [Math.sin(u1), Math.cos(u1), Math.sin(u2), Math.cos(u2)];
  let lambda = L;
  for (let round = 0; round < ROUNDS; round++) {
    const [sinL, cosL] = [Math.sin(lambda), Math.cos(lambda)];
    const east = cosU2 * sinL;
    const north = cosU1 * sinU2 - sinU1 * cosU2 * cosL;
    const sin = Math.hypot(east, north);
    const cos = sinU1 * sinU2 + cosU1 * cosU2 * cosL;
    const sigma = Math.atan2(sin, cos);
    const sinAlpha = sin === 0 ? 0 : (cosU1 * cosU2 * sinL) / sin;
    const cosAlpha2 = 1 - sinAlpha * sinAlpha;
    const cos2 = cosAlpha2 < 1e-15 ? 0 : cos - (2 * sinU1 * sinU2) / cosAlpha2; // along the equator
    const C = (FLATTENING / 16) * cosAlpha2 * (4 + FLATTENING * (4 - 3 * cosAlpha2));
    const before = lambda;
    lambda = L + (1 - C) * FLATTENING * sinAlpha * (sigma + C * sin * (cos2 + C * cos * (2 * cos2 * cos2 - 1)));
    if (Math.abs(lambda - before) < 1e-13) {
      const [A, B] = series((cosAlpha2 * (A_M * A_M - B_M * B_M)) / (B_M * B_M));
      const metres = B_M * A * (sigma - correction(B, sin, cos, cos2));
      return { metres, bearing: wrapHeading(Math.atan2(east, north) / RAD) };
    }
  }
  return { metres: Math.PI * B_M, bearing: 0 }; // nearly opposite on the globe, where the formulas do not converge
}

/** @param {Place} from @param {Place} to */
export function metresBetween(from, to) {
  return inverse(from, to).metres;
}

/**
 * The point at a distance and bearing from another.
 * @param {Place} from @param {number} bearing degrees, clockwise from north @param {number} metres
 * @returns {Place}
 */
export function moved(from, bearing, metres) {
  const alpha = bearing * RAD;
  const [sinA, cosA] = [Math.sin(alpha), Math.cos(alpha)];
  const tanU = (1 - FLATTENING) * Math.tan(from.lat * RAD);
  const cosU = 1 / Math.sqrt(1 + tanU * tanU);
  const sinU = tanU * cosU;
  const start = Math.atan2(tanU, cosA);
  const sinAlpha = cosU * sinA;
  const cosAlpha2 = 1 - sinAlpha * sinAlpha;
  const [A, B] = series((cosAlpha2 * (A_M * A_M - B_M * B_M)) / (B_M * B_M));
  let sigma = metres / (B_M * A);
  for (let round = 0; round < ROUNDS; round++) {
    const before = sigma;
    sigma = metres / (B_M * A) + correction(B, Math.sin(sigma), Math.cos(sigma), Math.cos(2 * start + sigma));
    if (Math.abs(sigma - before) < 1e-14) break;
  }
  const [sin, cos, cos2] = [Math.sin(sigma), Math.cos(sigma), Math.cos(2 * start + sigma)];
  const across = sinU * sin - cosU * cos * cosA;
  const lat = Math.atan2(sinU * cos + cosU * sin * cosA, (1 - FLATTENING) * Math.hypot(sinAlpha, across));
  const lambda = Math.atan2(sin * sinA, cosU * cos - sinU * sin * cosA);
  const C = (FLATTENING / 16) * cosAlpha2 * (4 + FLATTENING * (4 - 3 * cosAlpha2));
  const back = (1 - C) * FLATTENING * sinAlpha * (sigma + C * sin * (cos2 + C * cos * (2 * cos2 * cos2 - 1)));
  return { lat: lat / RAD, lon: wrapLon(from.lon + (lambda - back) / RAD) };
}

/**
 * A place on a flat map in metres around a point; distances from that point are true.
 * @param {Place} origin @param {Place} place
 * @returns {[number, number]} metres east and north
 */
export function toPlane(origin, place) {
  const { metres, bearing } = inverse(origin, place);
  return [metres * Math.sin(bearing * RAD), metres * Math.cos(bearing * RAD)];
}

/** @param {Place} origin @param {number} east metres @param {number} north metres @returns {Place} */
export function fromPlane(origin, east, north) {
  return moved(origin, Math.atan2(east, north) / RAD, Math.hypot(east, north));
}

/**
 * Which of many places lie within a circle.
 * @param {Place} centre @param {number} radius metres
 * @param {Float64Array} lats @param {Float64Array} lons
 * @param {number} [most] stop after so many
 * @returns {number[]} their indices, ascending
 */
export function within(centre, radius, lats, lons, most = Infinity) {
  const reachLat = (radius + 0.01) / 110_500; // under the shortest degree of latitude on WGS84, 110,574 m
  const poleward = Math.min(90, Math.abs(centre.lat) + reachLat);
  const shortest = 111_000 * Math.cos(poleward * RAD); // metres of a degree of longitude, at the end nearest to the pole
  const reachLon = shortest * 180 <= radius ? 180 : ((radius + 0.01) / shortest) * 1.01;
  const found = [];
  for (let i = 0; i < lats.length && found.length < most; i++) {
    if (Math.abs(lats[i] - centre.lat) > reachLat) continue;
    if (Math.abs(wrapLon(lons[i] - centre.lon)) > reachLon) continue;
    if (metresBetween(centre, { lat: lats[i], lon: lons[i] }) <= radius) found.push(i);
  }
  return found;
}
