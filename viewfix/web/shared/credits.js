/** Attribution as map sources give it, with markup in it, goes in; text and links to the web come out, nothing else. */
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

/** Text without tags; "&copy;" and its like become what they stand for. @param {string} markup */
function words(markup) {
  // No "<" is left, so that the parser, which knows the names of characters, has nothing to make elements of.
  const bare = markup.replace(TAG, "").replaceAll("<", "");
  return new DOMParser().parseFromString(bare, "text/html").documentElement.textContent ?? "";
}
