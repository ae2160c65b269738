// What to say of the sights ahead: every sight once, shortly before it is passed, and not too many in a minute. The same as
// Announcer in viewfix/pois/upcoming.py; a test compares both.

/**
 * @typedef {{name: string, in_s: number, notability?: number}} Ahead
 * @template {Ahead} Sight
 */
export class Announcer {
  /** @param {(one: Sight, other: Sight) => boolean} isSame @param {{leadS?: number, perMinute?: number}} [how] */
  constructor(isSame, { leadS = 12, perMinute = 4 } = {}) {
    this.isSame = isSame;
    this.leadS = leadS;
    this.perMinute = perMinute;
    /** @type {Sight[]} */
    this.said = [];
    /** @type {number[]} */
    this.timesS = [];
  }

  /** @param {Sight[]} coming @param {number} atS of any clock that does not go back */
  now(coming, atS) {
    this.timesS = this.timesS.filter((each) => each > atS - 60 && each <= atS);
    const due = coming.filter((each) => each.in_s <= this.leadS && !this.said.some((other) => this.isSame(each, other)));
    due.sort((a, b) => (b.notability ?? 0) - (a.notability ?? 0));
    const chosen = due.slice(0, Math.max(0, this.perMinute - this.timesS.length));
    for (const each of chosen) {
      this.said.push(each);
      this.timesS.push(atS);
    }
    return chosen.sort((a, b) => a.in_s - b.in_s);
  }
}
