// What to draw of the photos in a view of the map: clusters, or single photos.

const MOST_SINGLE = 400;

/**
 * @param {import("./photos.js").Photos} photos
 * @param {{west: number, south: number, east: number, north: number}} view degrees; east may be over 180
 * @param {number} cells across the view
 * @returns {{type: "FeatureCollection", features: object[]}}
 */
export function coverage(photos, { west, south, east, north }, cells) {
  const inView = [];
  const [wide, high] = [(east - west) * 0.2, (north - south) * 0.2]; // a little more, so that moving shows no edge
  for (let i = 0; i < photos.count; i++) {
    const [lat, lon] = [photos.lats[i], unwrapped(photos.lons[i], west - wide)];
    if (lat >= south - high && lat <= north + high && lon <= east + wide) inView.push({ index: i, lat, lon });
  }
  const features = inView.length <= MOST_SINGLE ? inView.map((each) => single(photos, each)) : clustered(inView, photos, (east - west) / cells);
  return { type: "FeatureCollection", features };
}

/** @param {number} lon @param {number} west the same longitude, not west of this */
const unwrapped = (lon, west) => lon + 360 * Math.ceil((west - lon) / 360);

/** @typedef {{index: number, lat: number, lon: number}} Place */

/** @param {import("./photos.js").Photos} photos @param {Place} place */
function single(photos, { index, lat, lon }) {
  const properties = { id: photos.id(index), index, heading_deg: photos.heading(index), thumbnail: photos.hasThumbnail(index) ? String(index) : null };
  return { type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties };
}

/** @param {Place[]} places @param {import("./photos.js").Photos} photos @param {number} least degrees that a cell is wide */
function clustered(places, photos, least) {
  const side = 2 ** Math.ceil(Math.log2(least)); // of round sizes: cells stay where they are when the map moves
  /** @type {Map<string, Place[]>} */
  const cells = new Map();
  const upright = 1 / Math.cos((places[0].lat * Math.PI) / 180); // degrees of latitude are longer than those of longitude
  for (const place of places) {
    const cell = `${Math.floor(place.lon / side)} ${Math.floor((place.lat / side) * upright)}`;
    const there = cells.get(cell);
    if (there) there.push(place);
    else cells.set(cell, [place]);
  }
  return Array.from(cells.values(), (there) => {
    if (there.length === 1) return single(photos, there[0]);
    const [lat, lon] = [mean(there.map((each) => each.lat)), mean(there.map((each) => each.lon))];
    return { type: "Feature", geometry: { type: "Point", coordinates: [lon, lat] }, properties: { count: there.length } };
  });
}

const mean = (/** @type {number[]} */ values) => values.reduce((a, b) => a + b, 0) / values.length;
