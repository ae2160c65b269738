// Find sights by name, in any of their languages.

const MOST = 8;

/** @param {string} text without case, accents and repeated spaces */
const keyOf = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().split(/\s+/).filter(Boolean).join(" ");

/**
 * The sights whose name holds a text: those that begin with it first, then the best known ones; no name twice.
 * @param {import("./nearby.js").Point[]} points
 * @param {string} text
 * @returns {import("./nearby.js").Point[]}
 */
export function findSights(points, text) {
  const wanted = keyOf(text.slice(0, 100));
  if (!wanted) return [];
  const found = [];
  for (const point of points) {
    const keys = [point.name, ...Object.values(point.names)].map(keyOf);
    const rank = Math.min(...keys.map((key) => rankOf(key, wanted)));
    if (rank < Infinity) found.push({ point, rank, key: keys[0] });
  }
  found.sort((a, b) => a.rank - b.rank || b.point.notability - a.point.notability);
  const seen = new Set();
  return found.filter(({ key }) => !seen.has(key) && seen.add(key)).slice(0, MOST).map(({ point }) => point);
}

/** @param {string} key @param {string} wanted */
function rankOf(key, wanted) {
  if (key === wanted) return 0;
  if (key.startsWith(wanted)) return 1;
  if (key.includes(` ${wanted}`)) return 2;
  return key.includes(wanted) ? 3 : Infinity;
}
