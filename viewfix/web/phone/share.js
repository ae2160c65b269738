// Sharing and saving an answer: its position as a link, or the whole answer as a GeoJSON file. The photo is never in it.

import { spoken } from "../shared/answer.js";
import { element } from "../shared/dom.js";
import { toGeoJson } from "../shared/geojson.js";
import { icon } from "../shared/icons.js";
import { t } from "../shared/language.js";
import { shareLink } from "../shared/share.js";

/**
 * The buttons under an answer.
 * @param {import("../shared/types.js").Answer} answer
 * @param {{title: string, query: string, say: (words: string) => void}} about  of the app and the photo; `say` shows a line
 * @returns {HTMLElement[]}
 */
export function shareButtons(answer, { title, query, say }) {
  const look = answer.geometry ? "action" : "button quiet";
  const button = (/** @type {any} */ drawing, /** @type {string} */ words, /** @type {() => void} */ onclick) =>
    element("button", { type: "button", class: look, onclick }, icon(drawing), words);
  return [
    button("share", t("answer.share"), () => share(answer, title, query, say)),
    button("save", t("phone.save"), () => save(answer, query)),
  ];
}

/** @param {import("../shared/types.js").Answer} answer @param {string} title @param {string} query @param {(words: string) => void} say */
async function share(answer, title, query, say) {
  const url = answer.geometry ? shareLink(answer, location.href) : location.href.split("#")[0];
  const text = spoken(answer);
  try {
    if (navigator.share) return await navigator.share({ title, text, url });
    await navigator.clipboard.writeText(answer.geometry ? url : `${text} ${url}`);
    say(t("answer.shared"));
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "AbortError") save(answer, query); // AbortError: the user changed their mind
  }
}

/** @param {import("../shared/types.js").Answer} answer @param {string} query */
function save(answer, query) {
  const content = new Blob([JSON.stringify(toGeoJson(answer, query), null, 1)], { type: "application/geo+json" });
  const address = URL.createObjectURL(content);
  const name = `${query.replace(/\.[^.]*$/, "") || "viewfix"}.geojson`;
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // long after the browser has read it
}
