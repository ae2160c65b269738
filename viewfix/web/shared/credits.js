/** Attributions of map sources, which contain markup, as text and links to the web, and nothing else. */
import { element, webAddress } from "./dom.js";

const LINK = /<a\b[^>]*?\bhref\s*=\s*["']?([^"'\s>]*)[^>]*>([^]*?)<\/a\s*>/gi;
const TAG = /<[^>]*>?/g;

/**
 * @param {string[]} attributions may hold HTML of strangers
 * @returns {DocumentFragment} their words, and their links where these lead to the web
 */
export function credits(attributions) {
  const made = document.createDocumentFragment();
  [...new Set(attributions)].forEach((attribution, index) => {
    if (index > 0) made.append(" · ");
    let from = 0;
    for (const link of attribution.matchAll(LINK)) {
      made.append(words(attribution.slice(from, link.index)));
      const address = webAddress(words(link[1]));
      const label = words(link[2]);
      made.append(address === null ? label : element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, label));
      from = link.index + link[0].length;
    }
    made.append(words(attribution.slice(from)));
  });
  return made;
}

/** Text without tags; "&copy;" and the like become the characters they stand for. @param {string} markup */
function words(markup) {
  // No "<" is left, so the parser, which is used for the names of characters, cannot make elements.
  const bare = markup.replace(TAG, "").replaceAll("<", "");
  return new DOMParser().parseFromString(bare, "text/html").documentElement.textContent ?? "";
}
