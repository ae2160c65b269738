// How fast one moves on each class of road, and which roads are preferred. viewfix/roads/speeds.py is the same.

/** Kilometres an hour; "" stands for every other class; a ferry includes waiting for it. @type {Record<string, Record<string, number>>} */
export const SPEED_KMH = {
  walk: { "": 5, steps: 3, elevator: 1 },
  cycle: {
    "": 14, cycleway: 18, footway: 9, pedestrian: 9, path: 12, track: 12, primary: 18, secondary: 18, tertiary: 18,
    residential: 18, unclassified: 18, ferry: 5,
  },
  drive: {
    "": 20, motorway: 100, motorway_link: 60, trunk: 80, trunk_link: 50, primary: 50, primary_link: 40, secondary: 45,
    secondary_link: 35, tertiary: 40, tertiary_link: 30, unclassified: 30, residential: 25, living_street: 10, service: 12,
    pedestrian: 7, ferry: 5,
  },
};

/** How much longer a road feels than it takes. @type {Record<string, Record<string, number>>} */
export const WEIGHT = {
  walk: { primary: 1.1, trunk: 1.3, service: 1.1, ferry: 1.5 },
  cycle: { primary: 1.5, trunk: 2, primary_link: 1.5, secondary: 1.2, service: 1.1, ferry: 1.5 },
  drive: { service: 1.5, pedestrian: 2, ferry: 1.5 },
};

/** @type {Record<string, number>} */
export const FASTEST_KMH = Object.fromEntries(Object.entries(SPEED_KMH).map(([mode, speeds]) => [mode, Math.max(...Object.values(speeds))]));
