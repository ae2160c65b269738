// RGB pixels go in; they come out at the size that the model wants, equal to what the core makes of them with Pillow.
//
// Two steps, as in the core. A JPEG much larger than needed is decoded at a half, a quarter or an eighth by keeping the
// low frequencies of its blocks of 8 x 8 (libjpeg's scaled decoding, Pillow's `draft`); here the browser has decoded it
// whole, so the blocks are made smaller afterwards, with the same arithmetic. Then Pillow's antialiased filter.

/** @typedef {{width: number, height: number, data: Uint8Array | Uint8ClampedArray}} Picture  rows of RGB, 3 bytes a pixel */
/**
 * @typedef {{sizing: "exact" | "area", width_px: number, height_px: number, multiple_px: number, longest_aspect: number,
 *   interpolation: "bilinear" | "bicubic", layout: "NHWC uint8" | "NCHW float32", mean: number[], std: number[]}} Preprocessing
 */

const PRECISION = 22; // bits behind the point: Pillow's 32 - 8 - 2

/** @param {Preprocessing} rules @param {number} side */
const rounded = (rules, side) => Math.max(1, Math.floor(side / rules.multiple_px + 0.5)) * rules.multiple_px;

/**
 * The size at which the network sees a picture.
 * @param {Preprocessing} rules @param {number} width @param {number} height
 * @returns {[number, number]}
 */
export function sizeFor(rules, width, height) {
  if (rules.sizing === "exact") return [rules.width_px, rules.height_px];
  const aspect = Math.min(Math.max(width / height, 1 / rules.longest_aspect), rules.longest_aspect);
  const side = Math.sqrt(rules.width_px * rules.height_px);
  return [rounded(rules, side * Math.sqrt(aspect)), rounded(rules, side / Math.sqrt(aspect))];
}

/** The most pixels that the shorter side is ever shown with. @param {Preprocessing} rules */
export function leastSide(rules) {
  if (rules.sizing === "exact") return Math.max(rules.width_px, rules.height_px);
  return rounded(rules, Math.sqrt(rules.width_px * rules.height_px));
}

/** By how much a JPEG of this size is decoded smaller: 1, 2, 4 or 8. */
export function draftScale(/** @type {number} */ width, /** @type {number} */ height, /** @type {number} */ least) {
  const scale = Math.min(Math.floor(width / least), Math.floor(height / least));
  return [8, 4, 2, 1].find((each) => scale >= each) ?? 1;
}

/** (n, 8) weights that make n pixels of 8: their low frequencies, by the cosine transform of JPEG. @param {number} n */
function blockWeights(n) {
  const wave = (/** @type {number} */ k, /** @type {number} */ at, /** @type {number} */ size) =>
    (k ? Math.sqrt(2 / size) : Math.sqrt(1 / size)) * Math.cos((Math.PI * (2 * at + 1) * k) / (2 * size));
  const weights = new Float32Array(n * 8);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < 8; j++) {
      let sum = 0;
      for (let k = 0; k < n; k++) sum += wave(k, i, n) * wave(k, j, 8);
      weights[i * 8 + j] = sum * Math.sqrt(n / 8);
    }
  }
  return weights;
}

/**
 * Make a decoded JPEG smaller as libjpeg would have.
 * @param {(top: number, rows: number) => Uint8Array | Uint8ClampedArray} read RGBA of some rows
 * @param {number} width @param {number} height of the upright picture
 * @param {number} scale 2, 4 or 8
 * @param {{x: boolean, y: boolean}} mirrored whether the upright picture counts its blocks from the right, from below:
 *   blocks begin where the file does, and EXIF may have turned it
 * @returns {Picture}
 */
export function drafted(read, width, height, scale, mirrored) {
  const n = 8 / scale;
  const weights = blockWeights(n);
  const [across, down] = [Math.ceil(width / scale), Math.ceil(height / scale)];
  const columns = sources(width, across, n, mirrored.x);
  const rows = sources(height, down, n, mirrored.y);
  const data = new Uint8ClampedArray(across * down * 3);
  const line = new Float32Array(across * 3 * 8);
  for (let y = 0; y < down; ) {
    let after = y + 1; // the rows of one block are made of the same eight
    while (after < down && rows.from[after * 8] === rows.from[y * 8] && rows.from[after * 8 + 7] === rows.from[y * 8 + 7]) after++;
    const eight = rows.from.subarray(y * 8, y * 8 + 8);
    const top = Math.min(...eight);
    const pixels = read(top, Math.max(...eight) - top + 1);
    for (let j = 0; j < 8; j++) shrinkRow(pixels, (eight[j] - top) * width * 4, columns, weights, line.subarray(j * across * 3));
    for (; y < after; y++) {
      const own = weights.subarray(rows.row[y] * 8, rows.row[y] * 8 + 8);
      for (let x = 0; x < across * 3; x++) {
        let sum = 0;
        for (let j = 0; j < 8; j++) sum += own[j] * line[j * across * 3 + x];
        data[y * across * 3 + x] = Math.floor(sum + 0.5);
      }
    }
  }
  return { width: across, height: down, data };
}

/** Where the eight pixels of each new one lie, and which row of the weights is its. */
function sources(/** @type {number} */ size, /** @type {number} */ count, /** @type {number} */ n, /** @type {boolean} */ mirrored) {
  const from = new Int32Array(count * 8);
  const row = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const inFile = mirrored ? count - 1 - i : i;
    row[i] = inFile % n;
    for (let j = 0; j < 8; j++) {
      const at = Math.min(Math.floor(inFile / n) * 8 + j, size - 1); // a block at the edge goes on as its last pixel
      from[i * 8 + j] = mirrored ? size - 1 - at : at;
    }
  }
  return { from, row };
}

/** One row of RGBA becomes a shorter row of RGB, not yet rounded. */
function shrinkRow(
  /** @type {Uint8Array | Uint8ClampedArray} */ pixels,
  /** @type {number} */ start,
  /** @type {{from: Int32Array, row: Int32Array}} */ columns,
  /** @type {Float32Array} */ weights,
  /** @type {Float32Array} */ line,
) {
  for (let x = 0; x < columns.row.length; x++) {
    let [red, green, blue] = [0, 0, 0];
    for (let j = 0, own = columns.row[x] * 8; j < 8; j++) {
      const at = start + columns.from[x * 8 + j] * 4;
      red += weights[own + j] * pixels[at];
      green += weights[own + j] * pixels[at + 1];
      blue += weights[own + j] * pixels[at + 2];
    }
    line[x * 3] = red;
    line[x * 3 + 1] = green;
    line[x * 3 + 2] = blue;
  }
}

const FILTERS = {
  bilinear: { support: 1, at: (/** @type {number} */ x) => (x < 1 ? 1 - x : 0) },
  bicubic: {
    support: 2,
    at: (/** @type {number} */ x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0),
  },
};

/** Pillow's weights: for every new pixel the first old one, how many, and their parts of 2^22. */
function resampling(/** @type {number} */ before, /** @type {number} */ after, /** @type {"bilinear" | "bicubic"} */ name) {
  const filter = FILTERS[name];
  const scale = before / after;
  const wide = Math.max(scale, 1);
  const support = filter.support * wide;
  const most = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(after);
  const count = new Int32Array(after);
  const parts = new Int32Array(after * most);
  for (let i = 0; i < after; i++) {
    const centre = (i + 0.5) * scale;
    first[i] = Math.max(0, Math.trunc(centre - support + 0.5));
    count[i] = Math.min(before, Math.trunc(centre + support + 0.5)) - first[i];
    const raw = Array.from({ length: count[i] }, (_, j) => filter.at(Math.abs((j + first[i] - centre + 0.5) * (1 / wide))));
    const total = raw.reduce((a, b) => a + b, 0);
    raw.forEach((value, j) => {
      const part = (total === 0 ? value : value * (1 / total)) * 2 ** PRECISION;
      parts[i * most + j] = Math.trunc(part < 0 ? part - 0.5 : part + 0.5);
    });
  }
  return { first, count, parts, most };
}

/** @param {number} sum */
const eightBit = (sum) => Math.min(255, Math.max(0, sum >> PRECISION));

/**
 * Resize as Pillow does, to the last bit.
 * @param {Picture} picture @param {number} width @param {number} height @param {"bilinear" | "bicubic"} name
 * @returns {Picture}
 */
export function resized(picture, width, height, name) {
  if (picture.width === width && picture.height === height) return picture;
  const narrow = width === picture.width ? picture : narrowed(picture, width, name);
  return height === picture.height ? narrow : shortened(narrow, height, name);
}

function narrowed(/** @type {Picture} */ picture, /** @type {number} */ width, /** @type {"bilinear" | "bicubic"} */ name) {
  const { first, count, parts, most } = resampling(picture.width, width, name);
  const data = new Uint8Array(width * picture.height * 3);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < width; x++) {
      const start = (y * picture.width + first[x]) * 3;
      let [red, green, blue] = [1 << (PRECISION - 1), 1 << (PRECISION - 1), 1 << (PRECISION - 1)];
      for (let j = 0; j < count[x]; j++) {
        const part = parts[x * most + j];
        red += part * picture.data[start + j * 3];
        green += part * picture.data[start + j * 3 + 1];
        blue += part * picture.data[start + j * 3 + 2];
      }
      const at = (y * width + x) * 3;
      data[at] = eightBit(red);
      data[at + 1] = eightBit(green);
      data[at + 2] = eightBit(blue);
    }
  }
  return { width, height: picture.height, data };
}

function shortened(/** @type {Picture} */ picture, /** @type {number} */ height, /** @type {"bilinear" | "bicubic"} */ name) {
  const { first, count, parts, most } = resampling(picture.height, height, name);
  const stride = picture.width * 3;
  const data = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < stride; x++) {
      let sum = 1 << (PRECISION - 1);
      for (let j = 0; j < count[y]; j++) sum += parts[y * most + j] * picture.data[(first[y] + j) * stride + x];
      data[y * stride + x] = eightBit(sum);
    }
  }
  return { width: picture.width, height, data };
}

/** RGBA without its fourth byte. @param {Uint8Array | Uint8ClampedArray} rgba */
export function withoutAlpha(rgba) {
  const data = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    data[to++] = rgba[from];
    data[to++] = rgba[from + 1];
    data[to++] = rgba[from + 2];
  }
  return data;
}

/**
 * What the network takes.
 * @param {Preprocessing} rules @param {Picture} picture
 * @returns {{type: "uint8" | "float32", data: Uint8Array | Float32Array, dims: number[]}}
 */
export function tensorOf(rules, picture) {
  const [width, height] = sizeFor(rules, picture.width, picture.height);
  const { data } = resized(picture, width, height, rules.interpolation);
  if (rules.layout === "NHWC uint8") return { type: "uint8", data: Uint8Array.from(data), dims: [1, height, width, 3] };
  const planes = new Float32Array(data.length);
  const one = width * height;
  for (let i = 0; i < data.length; i++) {
    const channel = i % 3;
    const value = Math.fround(Math.fround(data[i] / 255) - Math.fround(rules.mean[channel]));
    planes[channel * one + (i - channel) / 3] = value / Math.fround(rules.std[channel]);
  }
  return { type: "float32", data: planes, dims: [1, 3, height, width] };
}
