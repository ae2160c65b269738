// Checks of single values that were read from a pack; docs/spec/pack.md lists them, viewfix/pack/checks.py is the same.

const LONGEST_TEXT = 100_000;

/** A pack that breaks a rule of docs/spec/pack.md. */
export class PackError extends Error {}

/** @param {string} what @returns {never} */
export function refuse(what) {
  throw new PackError(`This pack is damaged: ${what}`);
}

/** @param {any} value @param {string} name @returns {Record<string, any>} */
export function objectOf(value, name) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(`${name} is not an object`);
  return value;
}

/**
 * @param {any} value @param {string} name
 * @param {number | null} [length] null where it is not known
 * @param {number} [most]
 * @returns {any[]}
 */
export function listOf(value, name, length = null, most = 1_000_000) {
  if (!Array.isArray(value) || value.length > most || (length !== null && value.length !== length)) {
    refuse(`${name} is not a list of ${length ?? `at most ${most}`} values`);
  }
  return value;
}

/** @param {any} value @param {string} name @param {number} [longest] @returns {string} */
export function textOf(value, name, longest = LONGEST_TEXT) {
  if (typeof value !== "string" || value.length > longest) refuse(`${name} is not a text of at most ${longest} characters`);
  return value;
}

/** @param {any} value @param {string} name @returns {string | null} */
export function textOrNull(value, name) {
  return value === null || value === undefined ? null : textOf(value, name);
}

/** @param {any} value @param {string} name @param {number} least @param {number} most @returns {number} */
export function integerOf(value, name, least, most) {
  if (!Number.isInteger(value) || value < least || value > most) {
    refuse(`${name} is ${String(value).slice(0, 40)}, not an integer from ${least} to ${most}`);
  }
  return value;
}

/** @param {any} value @param {string} name @param {number} [least] @param {number} [most] @returns {number} */
export function numberOf(value, name, least = -1e308, most = 1e308) {
  if (typeof value !== "number" || !(value >= least && value <= most)) {
    refuse(`${name} is ${String(value).slice(0, 40)}, not a number from ${least} to ${most}`);
  }
  return value;
}
