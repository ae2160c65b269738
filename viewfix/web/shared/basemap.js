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
 * @property {"protomaps" | "openmaptiles"} [schema] of vector tiles; default: what the tiles themselves tell
 * @property {number} [tile_size] of raster tiles, pixels
 * @property {number} [minzoom]
 * @property {number} [maxzoom]
 * @property {string} [sprite] address of a sprite; "{theme}" becomes light or dark
 * @property {string} [glyphs] address of glyphs with {fontstack} and {range}; without it local fonts draw the text
 */

/** The colours of the plain background, and of text over any base map. */
export const GROUND = Object.freeze({
  light: { land: "#eef1ec", line: "#dfe4dd", ink: "#2b3640", halo: "#ffffff" },
  dark: { land: "#13171b", line: "#1f262c", ink: "#d6dee6", halo: "#12161a" },
});

/** The faces of Protomaps' style: two are enough, so that an operator needs glyphs of only two. */
const FONTS = { regular: "Noto Sans Regular", bold: "Noto Sans Medium", italic: "Noto Sans Regular" };

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
 * Which schema the tiles at an address follow: the tile of the whole world names its layers, and these tell.
 * @param {string} template
 */
async function schemaOf(template) {
  const world = template.replace("{z}", "0").replace("{x}", "0").replace("{y}", "0");
  try {
    const response = await fetch(world);
    const names = new TextDecoder("latin1").decode(await response.arrayBuffer());
    return !names.includes("earth") && /water_name|boundary|transportation/.test(names) ? "openmaptiles" : "protomaps";
  } catch {
    return "protomaps"; // unknown so far; the tiles may still arrive
  }
}

/** @type {any} one protocol for the page: it caches the directories of the files that it has read */
let protocol = null;

/** @param {Basemap} basemap */
async function pmtiles(basemap, look) {
  const { PMTiles, Protocol, TileType } = await import("../vendor/pmtiles.mjs");
  const url = look.absolute(basemap.url);
  if (protocol === null) {
    protocol = new Protocol();
    addProtocol("pmtiles", protocol.tile);
  }
  const file = protocol.get(url) ?? new PMTiles(url);
  protocol.add(file);
  const header = await file.getHeader();
  const source = { url: `pmtiles://${url}` };
  if (header.tileType !== TileType.Mvt && header.tileType !== TileType.Mlt) {
    return overRaster({ type: "raster", tileSize: basemap.tile_size ?? 256, ...source }, look.dark);
  }
  const layers = (await file.getMetadata())?.vector_layers ?? [];
  const isOpenMapTiles = layers.some((/** @type {{id: string}} */ layer) => layer.id === "transportation");
  const encoding = header.tileType === TileType.Mlt ? { encoding: "mlt" } : {};
  const schema = basemap.schema ?? (isOpenMapTiles ? "openmaptiles" : "protomaps");
  return overVector({ type: "vector", ...encoding, ...source }, basemap, schema, look);
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
  if (!response.ok) throw new Error(`The style of the base map did not come: HTTP ${response.status}`);
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
