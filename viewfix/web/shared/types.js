/**
 * What the server (or the phone itself) answers, as types for editors and readers. No code.
 *
 * @typedef {{lat: number, lon: number, radius_m?: number | null}} Position
 *
 * @typedef {object} Candidate a photo of the map that looks like the query
 * @property {string} id
 * @property {number} similarity cosine, -1 to 1
 * @property {number | null} inliers local features that agree; null: not counted
 * @property {Position} position
 * @property {number | null} heading_deg
 * @property {string | null} taken_at ISO 8601
 * @property {string | null} attribution
 * @property {string | null} licence
 * @property {string | null} thumbnail an address relative to the page; null: it must not be shown
 *
 * @typedef {object} Nearby a sight near the fix
 * @property {string} id
 * @property {string} name
 * @property {Record<string, string>} names language code: name
 * @property {string} kind OpenStreetMap's key=value
 * @property {Position} position
 * @property {number} distance_m
 * @property {number} bearing_deg from the fix, clockwise from north
 * @property {"ahead" | "right" | "behind" | "left" | null} side null: the heading of the photo is not known
 * @property {Record<string, string>} links
 *
 * @typedef {object} Coming a sight that a moving camera will pass
 * @property {string} name
 * @property {Record<string, string>} names
 * @property {Record<string, string>} links
 * @property {number} in_s
 * @property {"ahead" | "left" | "right"} side
 * @property {number} distance_m to the side
 *
 * @typedef {object} Answered
 * @property {boolean} found
 * @property {number | null} confidence probability, 0 to 1; null: a shared link does not say
 * @property {number | null} radius_m
 * @property {number | null} heading_deg clockwise from north
 * @property {string} reason one English sentence
 * @property {string} map
 * @property {string} [verify]
 * @property {number} [took_ms]
 * @property {string[]} attribution
 * @property {Candidate[]} candidates
 * @property {Nearby[]} nearby
 * @property {number} [p_off] of a moving camera: the probability of not being on this map
 * @property {number | null} [direction_deg] of its travel, clockwise from north
 * @property {number | null} [speed_mps]
 * @property {Coming[]} [coming] the sights that it will pass, the next one first
 * @property {Coming[]} [say] those to say now
 * @property {Record<string, string>} [links] the place in other maps; made again here, as a shared link and the phone do
 *
 * @typedef {object} Answer GeoJSON; no geometry when the photo is not in the map
 * @property {"Feature"} type
 * @property {{type: "Point", coordinates: [number, number]} | null} geometry
 * @property {Answered} properties
 *
 * @typedef {{type: "FeatureCollection", features: any[]}} Collection
 */
export {};
