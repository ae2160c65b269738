/** What a map can be expected to find, in words. */
import { t } from "./language.js";

/** @param {number} share of new photos that would be found, 0 to 1 */
export function expectedWords(share) {
  const inHundred = Math.round(100 * share);
  return t("intake.expected", { count: share > 0 && share < 1 ? Math.min(99, Math.max(1, inHundred)) : inHundred });
}
