/** Attribution as map sources give it, with markup in it, goes in; text and links to the web come out, nothing else. */
import { element, webAddress } from "./dom.js";

/**
 * @param {string[]} attributions may hold HTML of strangers
 * @returns {DocumentFragment} their words, and their links where these lead to the web
 */
export function credits(attributions) {
  const made = document.createDocumentFragment();
  [...new Set(attributions)].forEach((attribution, index) => {
    if (index > 0) made.append(" · ");
    // Parsed into a document of its own, which runs nothing and loads nothing; only text and addresses are taken over.
    const strange = new DOMParser().parseFromString(attribution, "text/html");
    for (const node of strange.body.childNodes) made.append(taken(node));
  });
  return made;
}

/** @param {Node} node */
function taken(node) {
  const text = node.textContent ?? "";
  const address = node instanceof Element && node.localName === "a" ? webAddress(node.getAttribute("href")) : null;
  return address === null ? text : element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text);
}
