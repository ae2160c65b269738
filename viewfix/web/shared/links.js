/** Links from a place to other maps: the list of viewfix/links.py; a test compares both. Nothing is asked from a service. */
import { element } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";

/**
 * @param {number} lat
 * @param {number} lon
 * @param {number | null} heading_deg the direction that Street View opens in
 * @returns {Record<string, string>} addresses by kind, in the order in which they are shown
 */
export function linksOf(lat, lon, heading_deg) {
  const [y, x] = [sixDigits(lat), sixDigits(lon)];
  const at = `${y},${x}`;
  const facing = heading_deg === null ? "" : `&heading=${Math.round(heading_deg) % 360}`;
  const google = "https://www.google.com/maps";
  return {
    openstreetmap: `https://www.openstreetmap.org/?mlat=${y}&mlon=${x}#map=19/${y}/${x}`,
    google_maps: `${google}/search/?api=1&query=${at}`,
    street_view: `${google}/@?api=1&map_action=pano&viewpoint=${at}${facing}`,
    google_directions: `${google}/dir/?api=1&destination=${at}`,
    apple_maps: `https://maps.apple.com/?ll=${at}&q=${at}`,
    apple_directions: `https://maps.apple.com/?daddr=${at}`,
    geo: `geo:${at}`,
  };
}

/** @param {number} degrees */
const sixDigits = (degrees) => (degrees + 0).toFixed(6);

/** @param {import("./types.js").Answer} answer @returns {Record<string, string>} none if the photo was not found */
export function linksOfAnswer({ geometry, properties }) {
  return geometry === null ? {} : linksOf(geometry.coordinates[1], geometry.coordinates[0], properties.heading_deg);
}

/** The links as a section of an answer. @param {import("./types.js").Answer} answer a found one */
export function linksView(answer) {
  const items = Object.entries(linksOfAnswer(answer)).map(([kind, address]) => {
    const name = t(`links.${kind}`);
    const ours = kind === "geo"; // opens an app on this device, not a page
    const more = ours ? { class: "link-out touch-only" } : { class: "link-out", target: "_blank", rel: "noopener noreferrer" };
    const label = ours ? name : t("links.opens", { name });
    return element("li", {}, element("a", { href: address, "aria-label": label, ...more }, name, icon("out")));
  });
  return element("section", { class: "links" }, element("h3", {}, t("links.title")), element("ul", {}, ...items));
}
