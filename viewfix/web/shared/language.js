/** Words, numbers, distances and directions in the language that was chosen. */

export const LANGUAGES = Object.freeze({ en: "English", de: "Deutsch", uk: "Українська" });

const REMEMBERED = "viewfix.language";
const COMPASS = ["n", "ne", "e", "se", "s", "sw", "w", "nw"];

/** @type {Record<string, string | Record<string, string>>} */
let words = {};
let current = "en";

/** @returns {string} the code of the language that was chosen */
export function language() {
  return current;
}

/**
 * The language to start with: the one chosen before, else the first of the browser's languages that has words.
 * @returns {string}
 */
export function preferredLanguage() {
  const wished = [remembered(), ...(navigator.languages ?? [])];
  return wished.map((each) => (each ?? "").slice(0, 2).toLowerCase()).find((code) => code in LANGUAGES) ?? "en";
}

/**
 * Fetch the words of a language and use them from now on.
 * @param {string} code
 * @param {{remember?: boolean}} [options]
 */
export async function speak(code, { remember = false } = {}) {
  const chosen = code in LANGUAGES ? code : "en";
  const response = await fetch(new URL(`words/${chosen}.json`, import.meta.url));
  if (!response.ok) throw new Error(`The words for ${chosen} could not be loaded: HTTP ${response.status}`);
  words = await response.json();
  current = chosen;
  document.documentElement.lang = chosen;
  if (remember) keep(chosen);
}

/**
 * The sentence of a key. `{count}` chooses the plural form; numbers are written as the language writes them.
 * @param {string} key
 * @param {Record<string, string | number>} [parameters]
 * @returns {string}
 */
export function t(key, parameters = {}) {
  const entry = words[key];
  if (entry === undefined) return key; // a test makes sure that this is never shown
  const form = typeof entry === "string" ? entry : entry[new Intl.PluralRules(current).select(Number(parameters.count))] ?? entry.other;
  return form.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = parameters[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });
}

/** Whether a key has words. @param {string} key */
export function has(key) {
  return key in words;
}

/**
 * Write the words into every element that names a key: data-t for its text, data-t-label for its aria-label and
 * title, data-t-placeholder for its placeholder.
 * @param {ParentNode} root
 */
export function translate(root) {
  for (const each of root.querySelectorAll("[data-t]")) each.textContent = t(each.getAttribute("data-t") ?? "");
  for (const each of root.querySelectorAll("[data-t-label]")) {
    const label = t(each.getAttribute("data-t-label") ?? "");
    each.setAttribute("aria-label", label);
    if (each instanceof HTMLButtonElement) each.title = label;
  }
  for (const each of root.querySelectorAll("[data-t-placeholder]")) {
    each.setAttribute("placeholder", t(each.getAttribute("data-t-placeholder") ?? ""));
  }
}

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
export function number(value, options = {}) {
  return new Intl.NumberFormat(current, options).format(value);
}

/** A probability as a whole percentage, rounded down, never 0 and never 100: nothing is certain. @param {number} value 0 to 1 */
export function percent(value) {
  if (value < 0.01) return `<${number(0.01, { style: "percent" })}`;
  return number(Math.min(Math.floor(value * 100), 99) / 100, { style: "percent" });
}

/** @param {number} metres @returns {string} "8 m", "120 m", "1.2 km" */
export function distance(metres) {
  if (metres < 995) {
    const rounded = metres < 100 ? Math.round(metres) : Math.round(metres / 10) * 10;
    return number(rounded, { style: "unit", unit: "meter" });
  }
  const digits = metres < 9950 ? 1 : 0;
  return number(metres / 1000, { style: "unit", unit: "kilometer", maximumFractionDigits: digits });
}

/** @param {number} degrees clockwise from north @returns {string} "south-east" */
export function compass(degrees) {
  const eighth = Math.round((((degrees % 360) + 360) % 360) / 45) % 8;
  return t(`compass.${COMPASS[eighth]}`);
}

/** Where a sight is, seen from the photo: "ahead, 120 m". @param {import("./types.js").Nearby} nearby */
export function whereabouts(nearby) {
  const side = nearby.side !== null && has(`side.${nearby.side}`) ? t(`side.${nearby.side}`) : compass(nearby.bearing_deg);
  return t("nearby.where", { side, distance: distance(nearby.distance_m) });
}

/** @param {string} iso a time as ISO 8601 @returns {string | null} the day, as the language writes it; null if it is not a time */
export function day(iso) {
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) ? null : new Intl.DateTimeFormat(current, { dateStyle: "medium" }).format(time);
}

/** The name of a sight: in the chosen language, else in English, else as it is written there. @param {Named} sight */
export function named(sight) {
  return nameAndLanguage(sight)[0];
}

/**
 * The name that `named` gives, and its language; null for the name as it is written there. The same as
 * PointOfInterest.name_and_language in viewfix/types.py.
 * @param {Named} sight
 * @returns {[string, string | null]}
 */
export function nameAndLanguage({ name, names = {}, links = {} }) {
  if (Object.hasOwn(names, current)) return [names[current], current];
  if (links.wikipedia?.startsWith(`https://${current}.wikipedia.org/`)) return [name, current]; // it is the local language
  return Object.hasOwn(names, "en") ? [names.en, "en"] : [name, null];
}

/** @typedef {{name: string, names?: Record<string, string>, links?: Record<string, string>}} Named */

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null; // storage is not allowed: the browser's languages decide
  }
}

/** @param {string} code */
function keep(code) {
  try {
    localStorage.setItem(REMEMBERED, code);
  } catch {
    // storage is not allowed: the choice holds until the page is closed
  }
}
