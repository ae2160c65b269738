/** Icons, 24 by 24, drawn in the colour of the text around them. */

const SVG = "http://www.w3.org/2000/svg";

/** Strokes, each a path; a leading "=" fills the path instead. */
const PATHS = {
  pin: ["M12 21.5c4.6-5 7-8.7 7-11.7a7 7 0 1 0-14 0c0 3 2.4 6.7 7 11.7z", "M12 12.4a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2z"],
  camera: ["M4 8h3.2l1.6-2.6h6.4L16.8 8H20a1.5 1.5 0 0 1 1.5 1.5v8A1.5 1.5 0 0 1 20 19H4a1.5 1.5 0 0 1-1.5-1.5v-8A1.5 1.5 0 0 1 4 8z", "M12 16.5a3.3 3.3 0 1 0 0-6.6 3.3 3.3 0 0 0 0 6.6z"],
  picture: ["M5 4.5h14A1.5 1.5 0 0 1 20.5 6v12a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 18V6A1.5 1.5 0 0 1 5 4.5z", "M3.8 17.2l5-5 4 4 2.6-2.6 5 4.6", "=M15.5 10.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z"],
  share: ["M12 15V3.5", "M7.8 7.5L12 3.3l4.2 4.2", "M6.5 11H5.5A1.5 1.5 0 0 0 4 12.5v7A1.5 1.5 0 0 0 5.5 21h13a1.5 1.5 0 0 0 1.5-1.5v-7a1.5 1.5 0 0 0-1.5-1.5h-1"],
  save: ["M12 3.5V15", "M7.8 11L12 15.2l4.2-4.2", "M4 17v2.5A1.5 1.5 0 0 0 5.5 21h13a1.5 1.5 0 0 0 1.5-1.5V17"],
  settings: ["M4 7h9", "M19 7h1", "M16 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z", "M4 17h1", "M11 17h9", "M8 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  plus: ["M12 5v14", "M5 12h14"],
  minus: ["M5 12h14"],
  whole: ["M4 9V5.5A1.5 1.5 0 0 1 5.5 4H9", "M15 4h3.5A1.5 1.5 0 0 1 20 5.5V9", "M20 15v3.5a1.5 1.5 0 0 1-1.5 1.5H15", "M9 20H5.5A1.5 1.5 0 0 1 4 18.5V15"],
  target: ["M12 18.5a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z", "M12 2.5v3", "M12 18.5v3", "M2.5 12h3", "M18.5 12h3", "=M12 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4z"],
  again: ["M19.5 12a7.5 7.5 0 1 1-2.4-5.5", "M19.8 3.5v4.3h-4.3"],
  matches: ["M5.5 8a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z", "M5.5 19a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z", "M18.5 10a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z", "M18.5 18a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z", "M7 6.8l10 1.4", "M7 17.3l10-.6"],
  alert: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M12 7.5v5.5", "=M12 17.3a1.1 1.1 0 1 0 0-2.2 1.1 1.1 0 0 0 0 2.2z"],
  nowhere: ["M9.6 4.5L4 6.5v13.5l5.5-2 5 2 5.5-2V9", "M9.5 4.5V18", "M14.5 13.5V20", "M14.5 3.5l5 5", "M19.5 3.5l-5 5"],
  arrow: ["=M12 3l6 17-6-3.6L6 20z"],
  copy: ["M9 8.5h9.5A1.5 1.5 0 0 1 20 10v9.5a1.5 1.5 0 0 1-1.5 1.5H9a1.5 1.5 0 0 1-1.5-1.5V10A1.5 1.5 0 0 1 9 8.5z", "M16.5 5.5V5A1.5 1.5 0 0 0 15 3.5H5.5A1.5 1.5 0 0 0 4 5v9.5A1.5 1.5 0 0 0 5.5 16"],
  handle: ["M6 15l6-6 6 6"],
  check: ["M5 12.5l4.5 4.5L19 7.5"],
  out: ["M9 5H5.5A1.5 1.5 0 0 0 4 6.5v12A1.5 1.5 0 0 0 5.5 20h12a1.5 1.5 0 0 0 1.5-1.5V15", "M13.5 4H20v6.5", "M20 4l-9 9"],
};

/**
 * @param {keyof PATHS} name
 * @returns {SVGSVGElement} hidden from screen readers: the words beside it, or its button's label, say the same
 */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" })) {
    drawing.setAttribute(key, value);
  }
  for (const path of PATHS[name]) {
    const filled = path.startsWith("=");
    const stroke = document.createElementNS(SVG, "path");
    stroke.setAttribute("d", filled ? path.slice(1) : path);
    if (filled) stroke.setAttribute("class", "filled");
    drawing.append(stroke);
  }
  return drawing;
}

/** Fill every element of a page that has `data-icon`. @param {ParentNode} root */
export function drawIcons(root) {
  for (const place of root.querySelectorAll("[data-icon]")) {
    place.prepend(icon(/** @type {keyof PATHS} */ (place.getAttribute("data-icon"))));
    place.removeAttribute("data-icon");
  }
}
