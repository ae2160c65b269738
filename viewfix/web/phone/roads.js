// The roads of a pack: roads.bin, checked and taken apart as docs/spec/pack.md says. viewfix/roads/graph.py is the same.

import { integerOf, listOf, objectOf, refuse, textOf, textOrNull } from "./checks.js";

const MAGIC = [0x56, 0x46, 0x52, 0x44, 1]; // "VFRD", version 1
const START = 9;
const MOST = 1_000_000;
const MOST_SHAPE = 4_000_000;
const MOST_HEADER_BYTES = 16 * 2 ** 20;
const MOST_BYTES_EACH = 5;
const LONGEST_NAME = 200;
const LONGEST_CREDIT = 1000;
export const STEP_DEG = 1e-5;
export const GATE = "gate";
const CLASSES = new Set([
  "motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary", "secondary_link", "tertiary",
  "tertiary_link", "unclassified", "residential", "living_street", "service", "road", "footway", "path", "pedestrian", "steps",
  "track", "cycleway", "corridor", "bridleway", GATE,
]);

/**
 * @typedef {object} Graph of N junctions and E edges; coordinates are whole multiples of STEP_DEG
 * @property {Int32Array} lats @property {Int32Array} lons of junctions
 * @property {Int32Array} starts @property {Int32Array} ends junctions of every edge
 * @property {Uint32Array} kinds @property {Uint32Array} names places in the tables
 * @property {Float64Array} lengths decimetres
 * @property {Uint32Array} firsts E + 1: where the shape of every edge begins
 * @property {Int32Array} shapeLats @property {Int32Array} shapeLons
 * @property {{road: string, access: number}[]} kindTable
 * @property {string[]} nameTable the first one is empty
 * @property {string | null} credit to show with a route
 */

/** @param {ArrayBuffer} buffer @returns {Graph} @throws {import("./checks.js").PackError} */
export function readRoads(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < START || MAGIC.some((byte, n) => bytes[n] !== byte)) refuse("roads.bin does not begin with VFRD, version 1");
  const size = new DataView(buffer).getUint32(MAGIC.length, true);
  if (size > Math.min(MOST_HEADER_BYTES, bytes.length - START)) refuse("the header of roads.bin is longer than the file");
  const header = headerOf(bytes.subarray(START, START + size));
  const junctions = integerOf(header.junctions, "junctions of roads.bin", 0, MOST);
  const edges = integerOf(header.edges, "edges of roads.bin", 0, MOST);
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
  const names = Uint32Array.from({ length: edges }, () => below(next(), nameTable.length, "name"));
  const lengths = Float64Array.from({ length: edges }, next);
  const firsts = new Uint32Array(edges + 1);
  for (let n = 0; n < edges; n++) {
    const end = firsts[n] + next();
    if (end > MOST_SHAPE) refuse("roads.bin has too many points");
    firsts[n + 1] = end;
  }
  const shapeLats = positions(firsts[edges], next, 90, { firsts, starts, from: lats });
  const shapeLons = positions(firsts[edges], next, 540, { firsts, starts, from: lons });
  next.end();
  return { lats, lons, starts, ends, kinds, names, lengths, firsts, shapeLats, shapeLons, kindTable, nameTable, credit: credit.join(", ") || null };
}

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
 * A column of signed differences as coordinates. Of shapes, the first point of an edge is relative to its start.
 * @param {number} count @param {() => number} next @param {number} limit degrees
 * @param {{firsts: Uint32Array, starts: Int32Array, from: Int32Array} | null} shape
 */
function positions(count, next, limit, shape) {
  const found = new Int32Array(count);
  const most = limit / STEP_DEG + 1;
  let [value, edge] = [0, 0];
  for (let n = 0; n < count; n++) {
    if (shape) {
      let isFirst = false;
      while (shape.firsts[edge] <= n) {
        isFirst = shape.firsts[edge] === n;
        edge++;
      }
      if (isFirst) value = shape.from[shape.starts[edge - 1]];
    }
    const number = next();
    value += number % 2 ? -(number + 1) / 2 : number / 2;
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
