// RGB pixels at the size that the model takes, equal to the core's, which uses Pillow.
//
// Two steps, as in the core. A JPEG much larger than needed is decoded at a half, a quarter or an eighth (libjpeg's scaled
// decoding, Pillow's `draft`); here the browser has decoded it whole, so it is reduced afterwards, with the same result.
// Then comes Pillow's antialiased filter.

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

/** The most pixels that the shorter side ever has. @param {Preprocessing} rules */
export function leastSide(rules) {
  if (rules.sizing === "exact") return Math.max(rules.width_px, rules.height_px);
  return rounded(rules, Math.sqrt(rules.width_px * rules.height_px));
}

/** The factor by which a JPEG of this size is reduced while decoding: 1, 2, 4 or 8. */
export function draftScale(/** @type {number} */ width, /** @type {number} */ height, /** @type {number} */ least) {
  const scale = Math.min(Math.floor(width / least), Math.floor(height / least));
  return [8, 4, 2, 1].find((each) => scale >= each) ?? 1;
}

/**
 * Reduce a decoded JPEG as libjpeg-turbo does: each new pixel is the mean of the pixels it covers, counted from where the
 * blocks of the file begin.
 * @param {(top: number, rows: number) => Uint8Array | Uint8ClampedArray} read RGBA of some rows
 * @param {number} width @param {number} height of the upright picture
 * @param {number} scale 2, 4 or 8
 * @param {{x: boolean, y: boolean}} mirrored whether blocks are counted from the right, from below, because EXIF turned the picture
 * @returns {Picture}
 */
export function drafted(read, width, height, scale, mirrored) {
  const [across, down] = [Math.ceil(width / scale), Math.ceil(height / scale)];
  // At the far edge of the file a new pixel covers fewer; in a turned picture that is the near edge.
  const [left, top] = [mirrored.x ? across * scale - width : 0, mirrored.y ? down * scale - height : 0];
  const data = new Uint8Array(across * down * 3);
  const sums = new Uint32Array(across * 3);
  const counts = new Uint32Array(across);
  for (let y = 0; y < down; y++) {
    const first = Math.max(0, y * scale - top);
    const rows = Math.min(height, (y + 1) * scale - top) - first;
    const pixels = read(first, rows);
    sums.fill(0);
    counts.fill(0);
    for (let at = 0, row = 0; row < rows; row++) {
      for (let x = 0; x < width; x++, at += 4) {
        const to = Math.floor((x + left) / scale);
        sums[to * 3] += pixels[at];
        sums[to * 3 + 1] += pixels[at + 1];
        sums[to * 3 + 2] += pixels[at + 2];
        counts[to]++;
      }
    }
    for (let x = 0; x < across * 3; x++) data[y * across * 3 + x] = Math.round(sums[x] / counts[Math.floor(x / 3)]);
  }
  return { width: across, height: down, data };
}

const FILTERS = {
  bilinear: { support: 1, at: (/** @type {number} */ x) => (x < 1 ? 1 - x : 0) },
  bicubic: {
    support: 2,
    at: (/** @type {number} */ x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0),
  },
};

/** Pillow's weights: for every new pixel the first old one, their number, and their weights in units of 2^-22. */
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
  const narrow = (/** @type {Picture} */ wide) => (width === wide.width ? wide : narrowed(wide, width, name));
  const short = (/** @type {Picture} */ high) => (height === high.height ? high : shortened(high, height, name));
  // Since Pillow 13, rows come first if that leaves less work. Each pass rounds, so the order matters.
  const isRowsFirst = height < picture.height && width * picture.height > picture.width * height;
  return isRowsFirst ? narrow(short(picture)) : short(narrow(picture));
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
