// Modes of travel: how fast the camera may move, and how far apart two places must be to tell them apart.
// The same as viewfix/track/modes.py; a test compares both.

/**
 * @typedef {{name: string, cellM: number, speeds: number[], acceleration: number, turnDeg: number, turnFloor: number}} Mode
 *   `cellM` is the size of a place, `speeds` the bins in metres a second, from 0 up, `acceleration` their usual change in
 *   m/s², `turnDeg` the usual change of direction between two frames, `turnFloor` the weight of any other, against 1
 */

/** @type {Mode[]} */
const ALL = [
  { name: "walk", cellM: 4, speeds: [0, 0.5, 1, 1.5, 2, 2.5, 3], acceleration: 0.5, turnDeg: 45, turnFloor: 0.1 },
  { name: "cycle", cellM: 6, speeds: [0, 1.5, 3, 4.5, 6, 7.5, 9, 11], acceleration: 0.7, turnDeg: 40, turnFloor: 0.08 },
  { name: "drive", cellM: 8, speeds: [0, 3, 6, 9, 12, 15, 20, 25, 30, 36], acceleration: 1.5, turnDeg: 40, turnFloor: 0.05 },
  { name: "train", cellM: 25, speeds: [0, 5, 10, 15, 20, 25, 30, 35, 40, 50, 60], acceleration: 0.25, turnDeg: 30, turnFloor: 0.001 },
  { name: "auto", cellM: 6, speeds: [0, 0.7, 1.4, 2.1, 3, 5, 8, 12, 18, 26, 36, 50], acceleration: 1, turnDeg: 40, turnFloor: 0.05 },
];

/** By name; "auto" covers all of them and knows least. @type {Record<string, Mode>} */
export const MODES = Object.fromEntries(ALL.map((mode) => [mode.name, mode]));
