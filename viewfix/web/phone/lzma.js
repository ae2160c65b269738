// Decompress an .lzma file: LZMA1 with the size in its header, as Python's lzma.FORMAT_ALONE writes it.
//
// Browsers decompress gzip by themselves, but with LZMA the engine is 40 % smaller: space that lets a pack of ten thousand
// photos keep eight bits a number. It runs once, when a pack is installed.
// Written after the LZMA specification of Igor Pavlov (public domain).

const HALF = 1024; // probabilities are of 2048
const MATCH_LEAST = 2;

class RangeDecoder {
  /** @param {Uint8Array} bytes @param {number} at */
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at + 5; // the first of five bytes is always 0
    this.range = 0xffffffff;
    this.code = ((bytes[at + 1] << 24) | (bytes[at + 2] << 16) | (bytes[at + 3] << 8) | bytes[at + 4]) >>> 0;
  }

  /** One bit by an adaptive probability. @param {Uint16Array} odds @param {number} index */
  bit(odds, index) {
    const odd = odds[index];
    const bound = (this.range >>> 11) * odd;
    let value;
    if (this.code < bound) {
      this.range = bound;
      odds[index] = odd + ((2048 - odd) >>> 5);
      value = 0;
    } else {
      this.range = (this.range - bound) >>> 0;
      this.code = (this.code - bound) >>> 0;
      odds[index] = odd - (odd >>> 5);
      value = 1;
    }
    if (this.range < 0x1000000) {
      this.range = (this.range << 8) >>> 0;
      this.code = ((this.code << 8) | this.bytes[this.at++]) >>> 0;
    }
    return value;
  }

  /** Bits that are as likely 0 as 1, the highest first. @param {number} count */
  direct(count) {
    let value = 0;
    for (; count; count--) {
      this.range >>>= 1;
      const above = this.code >= this.range ? 1 : 0;
      if (above) this.code = (this.code - this.range) >>> 0;
      value = value * 2 + above;
      if (this.range < 0x1000000) {
        this.range = (this.range << 8) >>> 0;
        this.code = ((this.code << 8) | this.bytes[this.at++]) >>> 0;
      }
    }
    return value;
  }

  /** A number of `bits` bits, the highest first. @param {Uint16Array} odds @param {number} from @param {number} bits */
  tree(odds, from, bits) {
    let node = 1;
    for (let i = 0; i < bits; i++) node = (node << 1) | this.bit(odds, from + node);
    return node - (1 << bits);
  }

  /** A number of `bits` bits, the lowest first. @param {Uint16Array} odds @param {number} from @param {number} bits */
  reverseTree(odds, from, bits) {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(odds, from + node);
      node = (node << 1) | bit;
      value |= bit << i;
    }
    return value;
  }
}

const fresh = (/** @type {number} */ size) => new Uint16Array(size).fill(HALF);

class Lengths {
  constructor() {
    this.choice = fresh(2);
    this.low = fresh(16 << 3);
    this.middle = fresh(16 << 3);
    this.high = fresh(256);
  }

  /** @param {RangeDecoder} coder @param {number} state */
  read(coder, state) {
    if (!coder.bit(this.choice, 0)) return coder.tree(this.low, state << 3, 3);
    if (!coder.bit(this.choice, 1)) return 8 + coder.tree(this.middle, state << 3, 3);
    return 16 + coder.tree(this.high, 0, 8);
  }
}

/** How far back a match begins, less one. @param {RangeDecoder} coder @param {any} odds @param {number} length */
function distanceOf(coder, odds, length) {
  const slot = coder.tree(odds.slots, Math.min(length, 3) << 6, 6);
  if (slot < 4) return slot;
  const bits = (slot >>> 1) - 1;
  const start = (2 | (slot & 1)) * 2 ** bits;
  if (slot < 14) return start + coder.reverseTree(odds.special, start - slot, bits);
  return start + coder.direct(bits - 4) * 16 + coder.reverseTree(odds.align, 0, 4);
}

/**
 * Decompress a whole file.
 * @param {Uint8Array} packed
 * @param {number} [expected] its size afterwards, where it is known: a file that states another is refused
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function unpack(packed, expected) {
  if (packed.length < 18) throw new Error("a packed file ends too early");
  const header = new DataView(packed.buffer, packed.byteOffset, 13);
  let settings = header.getUint8(0);
  const size = header.getUint32(5, true) + header.getUint32(9, true) * 2 ** 32;
  if (settings >= 225 || !(size < 2 ** 31) || (expected !== undefined && size !== expected)) throw new Error("not a file packed by viewfix");
  const contextBits = settings % 9;
  settings = (settings / 9) | 0;
  const literalMask = (1 << settings % 5) - 1;
  const positionMask = (1 << ((settings / 5) | 0)) - 1;
  const coder = new RangeDecoder(packed, 13);
  const out = new Uint8Array(size);
  const literals = fresh(0x300 << (contextBits + settings % 5));
  const odds = { slots: fresh(4 << 6), special: fresh(128), align: fresh(16) };
  const [isMatch, isLongAgain] = [fresh(12 << 4), fresh(12 << 4)];
  const [isAgain, isAgain0, isAgain1, isAgain2] = [fresh(12), fresh(12), fresh(12), fresh(12)];
  const [lengths, lengthsAgain] = [new Lengths(), new Lengths()];
  let [again0, again1, again2, again3] = [0, 0, 0, 0];
  let state = 0;
  let at = 0;
  while (at < size) {
    const place = at & positionMask;
    if (!coder.bit(isMatch, (state << 4) + place)) {
      const before = at ? out[at - 1] : 0;
      const context = ((at & literalMask) << contextBits) + (before >> (8 - contextBits));
      out[at] = literal(coder, literals, 0x300 * context, state < 7 ? -1 : out[at - again0 - 1]);
      at++;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    let length;
    if (!coder.bit(isAgain, state)) {
      [again3, again2, again1] = [again2, again1, again0];
      length = lengths.read(coder, place);
      again0 = distanceOf(coder, odds, length);
      if (again0 === 0xffffffff) break; // the mark of the end, where a writer puts one
      state = state < 7 ? 7 : 10;
    } else {
      if (!coder.bit(isAgain0, state)) {
        if (!coder.bit(isLongAgain, (state << 4) + place)) {
          out[at] = out[at - again0 - 1];
          at++;
          state = state < 7 ? 9 : 11;
          continue;
        }
      } else if (!coder.bit(isAgain1, state)) {
        [again0, again1] = [again1, again0];
      } else if (!coder.bit(isAgain2, state)) {
        [again0, again1, again2] = [again2, again0, again1];
      } else {
        [again0, again1, again2, again3] = [again3, again0, again1, again2];
      }
      length = lengthsAgain.read(coder, place);
      state = state < 7 ? 8 : 11;
    }
    if (again0 >= at) throw new Error("a packed file is damaged");
    for (const end = Math.min(size, at + length + MATCH_LEAST); at < end; at++) out[at] = out[at - again0 - 1];
  }
  if (at !== size || coder.at > packed.length) throw new Error("a packed file ends too early");
  return out;
}

/**
 * One byte as it is; after a match the byte that would have gone on (`matched`, -1: none) helps to guess it.
 * @param {RangeDecoder} coder @param {Uint16Array} odds @param {number} from @param {number} matched
 */
function literal(coder, odds, from, matched) {
  let symbol = 1;
  if (matched >= 0) {
    do {
      const expected = (matched >> 7) & 1;
      matched <<= 1;
      const bit = coder.bit(odds, from + ((1 + expected) << 8) + symbol);
      symbol = (symbol << 1) | bit;
      if (bit !== expected) break;
    } while (symbol < 0x100);
  }
  while (symbol < 0x100) symbol = (symbol << 1) | coder.bit(odds, from + symbol);
  return symbol & 0xff;
}
