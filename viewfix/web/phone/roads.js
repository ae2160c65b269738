// The roads of a pack: roads.bin, checked and taken apart as docs/spec/pack.md says. viewfix/roads/coding.py is the same.

import { integerOf, listOf, objectOf, refuse, textOf, textOrNull } from "./checks.js";

const MAGIC = [0x56, 0x46, 0x52, 0x44, 2]; // "VFRD", version 2
const START = 9;
const MOST = 1_000_000;
const MOST_SHAPE = 4_000_000;
const MOST_HEADER_BYTES = 16 * 2 ** 20;
const MOST_BYTES_EACH = 5;
const LONGEST_NAME = 200;
const LONGEST_CREDIT = 1000;
export const STEP_DEG = 1e-5;
const METRES_A_STEP = 1.1132;
const DM_A_UNIT = 5;
export const GATE = "gate";
const CLASSES = new Set([
  "motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link", "tertiary",
  "tertiary_link", "unclassified", "residential", "living_street", "service", "road", "footway", "path", "pedestrian", "steps",
  "track", "cycleway", "corridor", "bridleway", "elevator", "ferry", GATE,
]);

/**
 * @typedef {object} Graph of N junctions and E edges; coordinates are whole multiples of STEP_DEG
 * @property {Int32Array} lats @property {Int32Array} lons of junctions
 * @property {Int32Array} starts @property {Int32Array} ends junctions of every edge
 * @property {Uint32Array} kinds @property {Uint32Array} names places in the tables
 * @property {Float64Array} lengths decimetres
 * @property {Uint32Array} firsts E + 1: where the shape of every edge begins
 * @property {Int32Array} shapeLats @property {Int32Array} shapeLons
 * @property {{come: number, go: number, modes: number}[]} turns forbidden ones: twice the edge on which one comes, plus 1 against
 *   its direction; the edge on which one must not go on; 1 for bicycles + 2 for cars
 * @property {{road: string, access: number}[]} kindTable
 * @property {string[]} nameTable the first one is empty
 * @property {string | null} credit to show with a route
 */

/** @param {ArrayBuffer} buffer @returns {Graph} @throws {import("./checks.js").PackError} */
export function readRoads(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < START || MAGIC.some((byte, n) => bytes[n] !== byte)) refuse("roads.bin does not begin with VFRD, version 2");
  const size = new DataView(buffer).getUint32(MAGIC.length, true);
  if (size > Math.min(MOST_HEADER_BYTES, bytes.length - START)) refuse("the header of roads.bin is longer than the file");
  const header = headerOf(bytes.subarray(START, START + size));
  const junctions = integerOf(header.junctions, "junctions of roads.bin", 0, MOST);
  const edges = integerOf(header.edges, "edges of roads.bin", 0, MOST);
  const turnCount = integerOf(header.turns, "turns of roads.bin", 0, MOST);
  const lonPpm = integerOf(header.lon_ppm, "lon_ppm of roads.bin", 0, 1_000_000);
  const kindTable = listOf(header.kinds, "kinds of roads.bin", null, 64 * CLASSES.size).map(kindOf);
  const nameTable = listOf(header.names, "names of roads.bin", null, MOST + 1).map((name) => textOf(name, "a name of a road", LONGEST_NAME));
  if (nameTable[0] !== "") refuse("the first name of roads.bin is not empty");
  const credit = ["attribution", "licence"].map((name) => textOrNull(header[name], name)).filter(Boolean);
  if (credit.some((text) => String(text).length > LONGEST_CREDIT)) refuse("the credit of roads.bin is too long");

  const next = reader(bytes, START + size);
  const lats = positions(junctions, next, 90, null);
  const lons = positions(junctions, next, 540, null);
  const starts = new Int32Array(edges);
  const ends = new Int32Array(edges);
  for (let n = 0, start = 0; n < edges; n++) starts[n] = start = below(start + next(), junctions, "junction");
  for (let n = 0; n < edges; n++) ends[n] = below(starts[n] + next(), junctions, "junction");
  const kinds = Uint32Array.from({ length: edges }, () => below(next(), kindTable.length, "kind"));
  const names = namesOf(edges, next, nameTable.length);
  const extra = Float64Array.from({ length: edges }, () => signed(next()));
  const firsts = new Uint32Array(edges + 1);
  for (let n = 0; n < edges; n++) {
    const end = firsts[n] + next();
    if (end > MOST_SHAPE) refuse("roads.bin has too many points");
    firsts[n + 1] = end;
  }
  const shapeLats = positions(firsts[edges], next, 90, { firsts, starts, ends, from: lats });
  const shapeLons = positions(firsts[edges], next, 540, { firsts, starts, ends, from: lons });
  const turns = turnsOf(turnCount, edges, next);
  next.end();
  const lines = { lats, lons, starts, ends, firsts, shapeLats, shapeLons };
  const lengths = drawnUnits(lines, lonPpm).map((units, n) => DM_A_UNIT * (units + extra[n]));
  if (lengths.some((length) => length < 0)) refuse("the length of an edge of roads.bin is negative");
  return { ...lines, kinds, names, lengths, kindTable, nameTable, turns, credit: credit.join(", ") || null };
}

/** The names of edges: 0 for none, 1 for the next of the table; for an earlier name, 2 plus the number of newer ones. @param {number} edges @param {() => number} next @param {number} count */
function namesOf(edges, next, count) {
  let newest = 0;
  return Uint32Array.from({ length: edges }, () => {
    const code = next();
    if (code === 0) return 0;
    if (code === 1) return below(++newest, count, "name");
    if (code - 2 >= newest) refuse("an edge of roads.bin has a name that does not exist");
    return newest - (code - 2);
  });
}

/** @param {number} count @param {number} edges @param {() => number} next */
function turnsOf(count, edges, next) {
  const comes = new Float64Array(count);
  for (let n = 0, come = 0; n < count; n++) {
    comes[n] = come += next();
    if (come >= 2 * edges) refuse("a turn of roads.bin has an edge that does not exist");
  }
  const goes = Float64Array.from({ length: count }, (_, n) => {
    const go = Math.floor(comes[n] / 2) + signed(next());
    if (go < 0 || go >= edges) refuse("a turn of roads.bin has an edge that does not exist");
    return go;
  });
  return Array.from({ length: count }, (_, n) => ({ come: comes[n], go: goes[n], modes: integerOf(next(), "a turn of roads.bin", 1, 3) }));
}

/** The length of the stored shape of every edge, in half metres. @param {any} lines columns of a graph @param {number} lonPpm */
function drawnUnits({ lats, lons, starts, ends, firsts, shapeLats, shapeLons }, lonPpm) {
  const scale = lonPpm / 1e6;
  return Float64Array.from({ length: starts.length }, (_, edge) => {
    let [lat, lon, metres] = [lats[starts[edge]], lons[starts[edge]], 0];
    for (let n = firsts[edge]; n <= firsts[edge + 1]; n++) {
      const isEnd = n === firsts[edge + 1];
      const [toLat, toLon] = isEnd ? [lats[ends[edge]], lons[ends[edge]]] : [shapeLats[n], shapeLons[n]];
      const [y, x] = [toLat - lat, (toLon - lon) * scale];
      metres += Math.sqrt(y * y + x * x) * METRES_A_STEP;
      [lat, lon] = [toLat, toLon];
    }
    return Math.floor(metres * (10 / DM_A_UNIT) + 0.5);
  });
}

/** @param {number} number */
const signed = (number) => (number % 2 ? -(number + 1) / 2 : number / 2);

/** @param {Uint8Array} bytes */
function headerOf(bytes) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    refuse("the header of roads.bin is not JSON");
  }
  return objectOf(value, "the header of roads.bin");
}

/** @param {any} value */
function kindOf(value) {
  const [road, access] = listOf(value, "a kind of roads", 2);
  if (!CLASSES.has(road)) refuse("a kind of roads.bin is not a class of roads");
  return { road: String(road), access: integerOf(access, "access of a kind of roads", 0, 63) };
}

/** Reads one number after the other: seven bits in a byte, the lowest first. @param {Uint8Array} bytes @param {number} at */
function reader(bytes, at) {
  const next = () => {
    let value = 0;
    for (let n = 0, scale = 1; n < MOST_BYTES_EACH; n++, scale *= 128) {
      if (at >= bytes.length) refuse("roads.bin ends too early");
      const byte = bytes[at++];
      value += (byte & 127) * scale; // not a shift: 35 bits are more than an integer of JavaScript's shifts
      if (byte < 128) return value;
    }
    return refuse("a number of roads.bin has more than 5 bytes");
  };
  next.end = () => {
    if (at !== bytes.length) refuse("roads.bin has more numbers than its header says");
  };
  return next;
}

/**
 * A column of signed differences as coordinates. Those of a shape are to what they were on a straight edge, in equal steps.
 * @param {number} count @param {() => number} next @param {number} limit degrees
 * @param {{firsts: Uint32Array, starts: Int32Array, ends: Int32Array, from: Int32Array} | null} shape
 */
function positions(count, next, limit, shape) {
  const found = new Int32Array(count);
  const most = limit / STEP_DEG + 1;
  let [value, edge, expected] = [0, 0, 0];
  for (let n = 0; n < count; n++) {
    if (shape && shape.firsts[edge] <= n) {
      while (shape.firsts[edge + 1] <= n) edge++;
      value = shape.from[shape.starts[edge]];
      const parts = shape.firsts[edge + 1] - shape.firsts[edge] + 1;
      expected = Math.floor((2 * (shape.from[shape.ends[edge]] - value) + parts) / (2 * parts));
      edge++;
    }
    value += signed(next()) + expected;
    if (Math.abs(value) > most) refuse("a position of roads.bin is not on Earth");
    found[n] = value;
  }
  return found;
}

/** @param {number} value @param {number} end @param {string} what */
function below(value, end, what) {
  if (value >= end) refuse(`an edge of roads.bin has a ${what} that does not exist`);
  return value;
}
