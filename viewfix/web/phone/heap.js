// A priority queue for A*.

/** A binary heap of numbers with a priority, the smallest first; of equal ones the smaller number, as in Python. */
export class Heap {
  constructor() {
    /** @type {[number, number][]} */
    this.items = [];
  }

  get size() {
    return this.items.length;
  }

  /** @param {number} priority @param {number} value */
  push(priority, value) {
    const { items } = this;
    let n = items.push([priority, value]) - 1;
    while (n) {
      const parent = (n - 1) >> 1;
      if (!isBefore(items[n], items[parent])) break;
      [items[n], items[parent]] = [items[parent], items[n]];
      n = parent;
    }
  }

  /** @returns {[number, number]} */
  pop() {
    const { items } = this;
    const first = items[0];
    const last = /** @type {[number, number]} */ (items.pop());
    if (!items.length) return first;
    items[0] = last;
    for (let n = 0; ; ) {
      let child = 2 * n + 1;
      if (child >= items.length) return first;
      if (child + 1 < items.length && isBefore(items[child + 1], items[child])) child++;
      if (!isBefore(items[child], items[n])) return first;
      [items[n], items[child]] = [items[child], items[n]];
      n = child;
    }
  }
}

/** @param {[number, number]} a @param {[number, number]} b */
const isBefore = (a, b) => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
