// A picture made by a formula: its descriptor shows whether this browser computes as the core does.

/**
 * The same as `pattern` in viewfix/pack/check.py.
 * @param {number} side pixels
 * @returns {import("./pixels.js").Picture}
 */
export function pattern(side) {
  const data = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      for (let channel = 0; channel < 3; channel++) {
        data[(y * side + x) * 3 + channel] = 3 * x + 5 * y + 85 * channel + 31 * ((x >> 4) ^ (y >> 5)) + 7 * ((x * y) >> 8);
      }
    }
  }
  return { width: side, height: side, data };
}
