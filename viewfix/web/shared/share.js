/** Links that hold the position of an answer in their fragment, which browsers never send to a server. */

/**
 * @typedef {object} Shared the content of a link, checked
 * @property {string | null} map
 * @property {number} lat
 * @property {number} lon
 * @property {number | null} radius_m
 * @property {number | null} confidence
 * @property {number | null} heading_deg
 */

const MOST_RADIUS_M = 100_000;
const LONGEST_NAME = 120;
const LONGEST_LINK = 500;
const PLAIN_NUMBER = /^-?\d{1,6}(\.\d{1,12})?$/;

/**
 * @param {import("./types.js").Answer} answer a found one
 * @param {string} address of the page; its fragment is replaced
 * @returns {string}
 */
export function shareLink(answer, address) {
  if (answer.geometry === null) throw new Error("An answer without a position cannot be shared.");
  const [lon, lat] = answer.geometry.coordinates;
  const { map, radius_m, confidence, heading_deg } = answer.properties;
  const told = new URLSearchParams({ at: `${lat.toFixed(6)},${lon.toFixed(6)}` });
  if (radius_m !== null) told.set("radius", radius_m.toFixed(1));
  if (confidence !== null) told.set("confidence", (Math.floor(confidence * 100) / 100).toFixed(2));
  if (heading_deg !== null) told.set("heading", heading_deg.toFixed(0));
  if (map) told.set("map", map);
  const link = new URL(address);
  link.hash = told.toString().replaceAll("%2C", ",");
  return link.href;
}

/**
 * @param {string} fragment of the address, with or without "#"
 * @returns {Shared | null} null if the fragment is not such a link, or any value in it is out of range
 */
export function readShared(fragment) {
  const text = fragment.replace(/^#/, "");
  if (text === "" || text.length > LONGEST_LINK) return null;
  const told = new URLSearchParams(text);
  const at = (told.get("at") ?? "").split(",");
  if (at.length !== 2) return null;
  const lat = within(at[0], -90, 90);
  const lon = within(at[1], -180, 180);
  const radius_m = optional(told.get("radius"), 0, MOST_RADIUS_M);
  const confidence = optional(told.get("confidence"), 0, 1);
  const heading_deg = optional(told.get("heading"), 0, 360);
  const map = told.get("map");
  if ([lat, lon, radius_m, confidence, heading_deg].includes(undefined)) return null;
  if (map !== null && map.length > LONGEST_NAME) return null;
  return /** @type {Shared} */ ({ map, lat, lon, radius_m, confidence, heading_deg });
}

/** @param {Shared} shared @returns {import("./types.js").Answer} in the form of an answer, without evidence */
export function asAnswer(shared) {
  return {
    type: "Feature",
    geometry: { type: "Point", coordinates: [shared.lon, shared.lat] },
    properties: {
      found: true,
      confidence: shared.confidence,
      radius_m: shared.radius_m,
      heading_deg: shared.heading_deg,
      reason: "",
      map: shared.map ?? "",
      attribution: [],
      candidates: [],
      nearby: [],
    },
  };
}

/**
 * @param {string} text @param {number} least @param {number} most
 * @returns {number | undefined} undefined: not such a number
 */
function within(text, least, most) {
  const value = PLAIN_NUMBER.test(text) ? Number(text) : NaN; // Number() alone would take "", "0x10" and "1e3"
  return value >= least && value <= most ? value : undefined;
}

/** @param {string | null} text @param {number} least @param {number} most @returns {number | null | undefined} */
function optional(text, least, most) {
  return text === null ? null : within(text, least, most);
}
