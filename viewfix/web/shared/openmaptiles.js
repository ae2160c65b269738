/** The layers of a quiet style for vector tiles in the OpenMapTiles schema, which many tile servers use. */

const COLOURS = {
  light: {
    land: "#f2f1ec", green: "#dcead2", built: "#eceae4", water: "#bcd9e8", house: "#e0dcd2", edge: "#cfc9bc",
    road: "#ffffff", main: "#fbe7b2", path: "#d8d3c6", rail: "#c4bfb4", border: "#a9a29a", ink: "#4a4f55", halo: "#ffffff",
  },
  dark: {
    land: "#181c20", green: "#1d2721", built: "#1c2125", water: "#16303f", house: "#252b31", edge: "#30373e",
    road: "#39424a", main: "#564d35", path: "#2e353b", rail: "#3a4047", border: "#59616a", ink: "#b4bec8", halo: "#14181b",
  },
};

/**
 * @param {string} source name of the source of tiles
 * @param {"light" | "dark"} theme
 * @param {string} language code of the names to prefer
 * @returns {object[]} MapLibre layers
 */
export function openMapTiles(source, theme, language) {
  const c = COLOURS[theme];
  const name = ["coalesce", ["get", `name:${language}`], ["get", "name:latin"], ["get", "name"]];
  const from = (layer, rest) => ({ source, "source-layer": layer, ...rest });
  const fill = (id, layer, colour, rest = {}) => from(layer, { id, type: "fill", paint: { "fill-color": colour }, ...rest });
  const line = (id, layer, colour, widths, rest = {}) =>
    from(layer, {
      id, type: "line", layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": colour, "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], ...widths] }, ...rest,
    });
  const classes = (...of) => ["in", ["get", "class"], ["literal", of]];
  const main = classes("motorway", "trunk", "primary", "secondary");
  const text = (id, layer, size, rest = {}) =>
    from(layer, {
      id, type: "symbol", paint: { "text-color": c.ink, "text-halo-color": c.halo, "text-halo-width": 1.4 }, ...rest,
      layout: { "text-field": name, "text-font": ["Noto Sans Regular"], "text-size": size, ...rest.layout },
    });
  return [
    { id: "land", type: "background", paint: { "background-color": c.land } },
    fill("built", "landuse", c.built),
    fill("green", "landcover", c.green, { filter: classes("grass", "wood", "wetland", "farmland") }),
    fill("park", "park", c.green),
    fill("water", "water", c.water),
    line("waterway", "waterway", c.water, [10, 0.6, 16, 4]),
    fill("house", "building", c.house, { minzoom: 14, paint: { "fill-color": c.house, "fill-outline-color": c.edge } }),
    line("path", "transportation", c.path, [13, 0.5, 18, 3], { filter: classes("path", "track", "pier") }),
    line("rail", "transportation", c.rail, [12, 0.6, 18, 3], { filter: classes("rail", "transit") }),
    line("road", "transportation", c.road, [12, 0.8, 18, 14], { filter: classes("tertiary", "minor", "service", "busway") }),
    line("main", "transportation", c.main, [7, 0.6, 18, 20], { filter: main }),
    line("border", "boundary", c.border, [3, 0.6, 10, 1.6], { filter: ["<=", ["get", "admin_level"], 4] }),
    text("street", "transportation_name", 12, { minzoom: 13, layout: { "symbol-placement": "line" } }),
    text("waters", "water_name", 12),
    text("place", "place", ["interpolate", ["linear"], ["zoom"], 4, 11, 14, 17]),
  ];
}
