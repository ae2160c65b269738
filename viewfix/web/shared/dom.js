/** Elements made from names, attributes and children. Text is always text: nothing here reads markup. */

/**
 * @param {string} name
 * @param {Record<string, any>} [attributes] `onclick` and the like take functions; true sets the attribute, false and null omit it
 * @param {...(Node | string | number | null | undefined | false)} children strings become text; null, undefined and false are omitted
 * @returns {HTMLElement}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    made.append(child instanceof Node ? child : String(child));
  }
  return made;
}

/**
 * A link that leaves the page, or plain text if the address is neither http nor https: javascript:, data: and the like
 * never become links.
 * @param {string} address
 * @param {string} label
 */
export function linkOut(address, label) {
  const safe = webAddress(address);
  if (safe === null) return element("span", {}, label);
  return element("a", { href: safe, target: "_blank", rel: "noopener noreferrer" }, label);
}

/**
 * @param {unknown} address
 * @returns {string | null} the address if it is http or https, else null
 */
export function webAddress(address) {
  if (typeof address !== "string") return null;
  try {
    const parsed = new URL(address);
    return parsed.protocol === "https:" || parsed.protocol === "http:" ? parsed.href : null;
  } catch {
    return null;
  }
}

/** @returns {boolean} whether the user asked for reduced motion */
export function wantsStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
