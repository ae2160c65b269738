/**
 * A MapLibre style, light or dark, from what the operator set: tiles, a style, a PMTiles file, or nothing.
 *
 * With nothing set it is a plain background with a grid, and makes no requests.
 */
import { addProtocol } from "../vendor/maplibre-gl.mjs";
import { openMapTiles } from "./openmaptiles.js";

/**
 * @typedef {object} Basemap
 * @property {"raster" | "vector" | "pmtiles" | "style"} kind
 * @property {string} url a tile template with {z}/{x}/{y}, a .pmtiles file, or a style; relative to the page or absolute
 * @property {string} [attribution]
 * @property {"protomaps" | "openmaptiles"} [schema] of vector tiles; by default detected from the tiles
 * @property {number} [tile_size] of raster tiles, pixels
 * @property {number} [minzoom]
 * @property {number} [maxzoom]
 * @property {string} [sprite] address of a sprite; "{theme}" becomes light or dark
 * @property {Record<string, string>} [headers] to send with requests for a .pmtiles file of a service that needs a key
 * @property {string} [glyphs] address of glyphs with {fontstack} and {range}; without it local fonts draw the text
 */

/** The colours of the plain background, and of text over any base map. */
export const GROUND = Object.freeze({
  light: { land: "#eef1ec", line: "#dfe4dd", ink: "#2b3640", halo: "#ffffff" },
  dark: { land: "#13171b", line: "#1f262c", ink: "#d6dee6", halo: "#12161a" },
});

/** The faces of Protomaps' style: two are enough, so that an operator needs glyphs of only two. */
const FONTS = { regular: "Noto Sans Regular", bold: "Noto Sans Medium", italic: "Noto Sans Regular" };

/** What our own base maps change of Protomaps' colours: quieter water, and names that can be read on any ground. */
const OURS = Object.freeze({
  light: {
    earth: "#eceae5", water: "#b5d8e6", buildings: "#c6bfb3", park_a: "#d3e5cd", park_b: "#c3dfbb", wood_a: "#cfe3ca",
    wood_b: "#bcd9b5", scrub_a: "#d8e6d0", scrub_b: "#cfe0c6", pedestrian: "#e3ded2", other: "#fbfaf7", minor_service: "#fbfaf7",
    minor_a: "#ffffff", major: "#fdf1cf", highway: "#fbdf9d", major_casing_late: "#d9cfae", highway_casing_late: "#d2b877", minor_casing: "#d8d4cb",
    minor_service_casing: "#d8d4cb", railway: "#a39d94", roads_label_minor: "#5b5654", roads_label_major: "#4e4946",
    subplace_label: "#5f5c66", city_label: "#3f3d45", ocean_label: "#34688a", subplace_label_halo: "#ffffff", city_label_halo: "#ffffff",
  },
  dark: {
    earth: "#1c2024", water: "#16303f", buildings: "#39424b", park_a: "#1d2a22", park_b: "#1f2f25", wood_a: "#1c2a21",
    wood_b: "#1d2d23", scrub_a: "#1f2a22", scrub_b: "#202c24", pedestrian: "#23282d", other: "#3a424a", minor_service: "#343b42",
    minor_a: "#3f474f", minor_b: "#3f474f", major: "#55513f", highway: "#6a5d3a", minor_casing: "#171b1f", minor_service_casing: "#171b1f",
    railway: "#5a626a", roads_label_minor: "#b2bac2", roads_label_major: "#c2c9cf", roads_label_minor_halo: "#14181b",
    roads_label_major_halo: "#14181b", subplace_label: "#a9b1ba", city_label: "#cfd6dc", ocean_label: "#8bb9d4",
  },
});

export const GRID_SOURCE = "viewfix-grid";

/**
 * @param {Basemap | null} basemap
 * @param {{dark: boolean, language: string, base?: string}} look `base`: what relative addresses are relative to
 * @returns {Promise<object>} a MapLibre style, without the overlay of viewfix
 */
export async function basemapStyle(basemap, { dark, language, base = document.baseURI }) {
  if (basemap === null || basemap === undefined) return plain(dark);
  const look = { dark, language, absolute: absolutely(base) };
  const makers = { raster, vector, pmtiles, style: wholeStyle };
  const make = Object.hasOwn(makers, basemap.kind) ? makers[basemap.kind] : null;
  return make === null ? plain(dark) : make(basemap, look);
}

/** @param {boolean} dark */
export function plain(dark) {
  const colours = dark ? GROUND.dark : GROUND.light;
  return {
    version: 8,
    sources: { [GRID_SOURCE]: { type: "geojson", data: { type: "FeatureCollection", features: [] } } },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": colours.land } },
      { id: "grid", type: "line", source: GRID_SOURCE, paint: { "line-color": colours.line, "line-width": 1 } },
    ],
  };
}

/**
 * The lines of a grid of round degrees that covers a view: on a plain ground they show that the map moves and turns.
 * @param {{west: number, south: number, east: number, north: number}} view
 * @returns {import("./types.js").Collection}
 */
export function grid({ west, south, east, north }) {
  const wide = Math.max(east - west, 1e-5);
  const step = 10 ** Math.floor(Math.log10(wide / 3)) * (wide / 10 ** Math.floor(Math.log10(wide / 3)) > 15 ? 5 : 2);
  const lines = [];
  for (let lon = Math.floor(west / step) * step; lon <= east; lon += step) lines.push([[lon, south], [lon, north]]);
  for (let lat = Math.floor(south / step) * step; lat <= north; lat += step) lines.push([[west, lat], [east, lat]]);
  const features = lines.slice(0, 200).map((coordinates) => ({
    type: "Feature", properties: {}, geometry: { type: "LineString", coordinates },
  }));
  return { type: "FeatureCollection", features };
}

/** Keeps the placeholders of a tile address as they are: new URL() would write them as %7Bz%7D. @param {string} base */
function absolutely(base) {
  return (/** @type {string} */ address) => new URL(address, base).href.replaceAll("%7B", "{").replaceAll("%7D", "}");
}

/** @param {Basemap} basemap */
function raster(basemap, { dark, absolute }) {
  const source = { type: "raster", tiles: [absolute(basemap.url)], tileSize: basemap.tile_size ?? 256, ...zooms(basemap) };
  return overRaster(source, dark);
}

/** Raster tiles are drawn for the day. Beside a dark page they are dimmed. */
function overRaster(source, dark) {
  const paint = dark ? { "raster-brightness-max": 0.55, "raster-saturation": -0.35, "raster-contrast": 0.1 } : {};
  const under = plain(dark);
  return {
    version: 8,
    sources: { tiles: source },
    layers: [under.layers[0], { id: "tiles", type: "raster", source: "tiles", paint }],
  };
}

/** @param {Basemap} basemap */
async function vector(basemap, look) {
  const source = { type: "vector", tiles: [look.absolute(basemap.url)], ...zooms({ maxzoom: 15, ...basemap }) };
  return overVector(source, basemap, basemap.schema ?? (await schemaOf(source.tiles[0])), look);
}

/**
 * The schema of the tiles at an address, detected from the names of the layers in the tile of the whole world.
 * @param {string} template
 */
async function schemaOf(template) {
  const world = template.replace("{z}", "0").replace("{x}", "0").replace("{y}", "0");
  try {
    const response = await fetch(world);
    const names = new TextDecoder("latin1").decode(await response.arrayBuffer());
    return !names.includes("earth") && /water_name|boundary|transportation/.test(names) ? "openmaptiles" : "protomaps";
  } catch {
    return "protomaps"; // one failed request does not mean that the tiles themselves will fail
  }
}

/** @type {any} one protocol for the page: it caches the directories of the files that it has read */
let protocol = null;

/** @param {Basemap} basemap */
async function pmtiles(basemap, look) {
  const { FetchSource, PMTiles, Protocol, TileType } = await import("../vendor/pmtiles.mjs");
  const url = look.absolute(basemap.url);
  if (protocol === null) {
    protocol = new Protocol();
    addProtocol("pmtiles", protocol.tile);
  }
  const file = protocol.get(url) ?? new PMTiles(new FetchSource(url, new Headers(basemap.headers)));
  protocol.add(file);
  const header = await file.getHeader();
  const source = { url: `pmtiles://${url}` };
  if (header.tileType !== TileType.Mvt && header.tileType !== TileType.Mlt) {
    return overRaster({ type: "raster", tileSize: basemap.tile_size ?? 256, ...source }, look.dark);
  }
  const metadata = await file.getMetadata();
  const layers = metadata?.vector_layers ?? [];
  const isOpenMapTiles = layers.some((/** @type {{id: string}} */ layer) => layer.id === "transportation");
  const encoding = header.tileType === TileType.Mlt ? { encoding: "mlt" } : {};
  if (isOurs(metadata)) return overOurs({ type: "vector", ...source }, look);
  const schema = basemap.schema ?? (isOpenMapTiles ? "openmaptiles" : "protomaps");
  return overVector({ type: "vector", ...encoding, ...source }, basemap, schema, look);
}

/** Whether viewfix made a file: `viewfix basemap add` writes its name into it. @param {any} metadata */
function isOurs(metadata) {
  return metadata?.name === "viewfix";
}

/** A base map that viewfix made: its ground has no edge, and its names are in the reader's language where they have one. */
async function overOurs(source, { dark, language }) {
  const { layers, namedFlavor } = await import("../vendor/basemaps.mjs");
  const theirs = namedFlavor(dark ? "dark" : "light");
  const ours = dark ? OURS.dark : OURS.light;
  const flavor = { ...theirs, ...FONTS, ...ours, pois: { ...theirs.pois, pink: ours.roads_label_major } }; // squares
  const named = layers("tiles", { ...flavor, background: flavor.earth }, { lang: language });
  return {
    version: 8,
    sources: { tiles: source },
    layers: named.map(withoutPictures).filter((layer) => layer !== null).map((layer) => withNames(layer, language)),
  };
}

/**
 * A layer whose text is the name in a language; else the local name, where its script can be read by those who read
 * that language; else the English one.
 */
function withNames(layer, language) {
  if (layer.layout?.["text-field"] === undefined || layer.id === "roads_shields" || layer.id === "address_label") return layer;
  const readable = language === "uk" ? ["any", ["!", ["has", "script"]], ["==", ["get", "script"], "Cyrillic"]] : ["!", ["has", "script"]];
  const name = ["coalesce", ["get", `name:${language}`], ["case", readable, ["get", "name"], ["get", "name:en"]], ["get", "name"]];
  const order = layer.layout["symbol-sort-key"] === undefined ? {} : { "symbol-sort-key": ["coalesce", ["get", "sort_key"], ["get", "min_zoom"], 14] };
  return { ...layer, layout: { ...layer.layout, ...order, "text-field": name } };
}

async function overVector(source, basemap, schema, { dark, language, absolute }) {
  const theme = dark ? "dark" : "light";
  const layers = schema === "openmaptiles" ? openMapTiles("tiles", theme, language) : await protomaps(theme, language);
  return {
    version: 8,
    sources: { tiles: source },
    layers: basemap.sprite ? layers : layers.map(withoutPictures).filter((layer) => layer !== null),
    ...(basemap.sprite ? { sprite: absolute(basemap.sprite.replaceAll("{theme}", theme)) } : {}),
    ...(basemap.glyphs ? { glyphs: absolute(basemap.glyphs) } : {}),
  };
}

async function protomaps(theme, language) {
  const { layers, namedFlavor } = await import("../vendor/basemaps.mjs");
  return layers("tiles", { ...namedFlavor(theme), ...FONTS }, { lang: language });
}

/** A layer without the pictures of a sprite that is not set; null if nothing of it is left. */
function withoutPictures(layer) {
  if (layer.type !== "symbol" || layer.layout === undefined) return layer;
  const kept = Object.entries(layer.layout).filter(([key]) => !key.startsWith("icon-"));
  const layout = Object.fromEntries(kept);
  return layout["text-field"] === undefined ? null : { ...layer, layout };
}

/** The operator's style, fetched here so that viewfix can draw its own layers over it. @param {Basemap} basemap */
async function wholeStyle(basemap, { absolute }) {
  const url = absolute(basemap.url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The style of the base map could not be loaded: HTTP ${response.status}`);
  const style = await response.json();
  const beside = absolutely(url);
  for (const key of ["sprite", "glyphs"]) if (typeof style[key] === "string") style[key] = beside(style[key]);
  for (const source of Object.values(style.sources ?? {})) {
    if (typeof source.url === "string" && !source.url.includes("://")) source.url = beside(source.url);
    if (Array.isArray(source.tiles)) source.tiles = source.tiles.map(beside);
  }
  return style;
}

/** @param {Partial<Basemap>} basemap */
function zooms({ minzoom, maxzoom }) {
  return { ...(minzoom === undefined ? {} : { minzoom }), ...(maxzoom === undefined ? {} : { maxzoom }) };
}
