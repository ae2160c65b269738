// The photos of a pack that are most similar to a descriptor.
//
// A scan over one bit a number, at most 64 bytes a photo, counts how many bits differ; the best are compared again with
// eight bits a number. The bits are the signs of the eight-bit numbers about their middle, so they add nothing to the
// download.

const CODE_BITS = 512;
const SHORTLIST = 1500;
const SHORTLIST_PER_WANTED = 16;

/** @param {number} x how many bits are set */
function bitsSet(x) {
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export class Index {
  /**
   * @param {number} dim
   * @param {Int8Array} rows N times dim
   * @param {Float32Array} scales the value that one step of each photo stands for
   * @param {Float32Array} middle the mean of all photos
   */
  constructor(dim, rows, scales, middle) {
    this.dim = dim;
    this.rows = rows;
    this.scales = scales;
    this.middle = middle;
    this.count = scales.length;
    this.bits = Math.min(dim, CODE_BITS);
    this.words = Math.ceil(this.bits / 32);
    this.codes = new Int32Array(this.count * this.words);
    for (let photo = 0; photo < this.count; photo++) {
      for (let bit = 0, from = photo * dim; bit < this.bits; bit++) {
        if (rows[from + bit] * scales[photo] > middle[bit]) this.codes[photo * this.words + (bit >> 5)] |= 1 << (bit & 31);
      }
    }
  }

  /**
   * The most similar photos.
   * @param {Float32Array} query of length 1
   * @param {number} wanted
   * @param {number[] | null} [among] only these photos; null for all
   * @returns {{index: number, similarity: number}[]} the most similar first
   */
  nearest(query, wanted, among = null) {
    const shortlist = this.shortlist(query, Math.max(SHORTLIST, SHORTLIST_PER_WANTED * wanted), among);
    const scored = shortlist.map((index) => ({ index, similarity: this.similarity(query, index) }));
    scored.sort((a, b) => b.similarity - a.similarity || a.index - b.index);
    return scored.slice(0, wanted);
  }

  /** @param {Float32Array} query @param {number} index */
  similarity(query, index) {
    const from = index * this.dim;
    let sum = 0;
    for (let i = 0; i < this.dim; i++) sum += query[i] * this.rows[from + i];
    return Math.fround(sum * this.scales[index]);
  }

  /** @param {Float32Array} query @param {number} most @param {number[] | null} among @returns {number[]} */
  shortlist(query, most, among) {
    const everything = among ?? Array.from({ length: this.count }, (_, i) => i);
    if (everything.length <= most) return everything;
    const code = new Int32Array(this.words);
    for (let bit = 0; bit < this.bits; bit++) if (query[bit] > this.middle[bit]) code[bit >> 5] |= 1 << (bit & 31);
    const distances = new Uint16Array(everything.length);
    const histogram = new Uint32Array(this.bits + 1);
    everything.forEach((photo, i) => {
      let distance = 0;
      for (let word = 0, at = photo * this.words; word < this.words; word++) distance += bitsSet(code[word] ^ this.codes[at + word]);
      distances[i] = distance;
      histogram[distance]++;
    });
    let [limit, closer] = [0, 0];
    while (closer + histogram[limit] < most) closer += histogram[limit++];
    let atLimit = most - closer;
    return everything.filter((_, i) => distances[i] < limit || (distances[i] === limit && atLimit-- > 0));
  }
}
