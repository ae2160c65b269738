/** The marker of a fix on the map. */
const SVG = "http://www.w3.org/2000/svg";

/**
 * The fix: a dot, and a cone where the photo looks. It is turned as the map turns.
 * @param {number | null} heading_deg
 */
export function fixDrawing(heading_deg) {
  const holder = document.createElement("div");
  holder.className = "fix-marker";
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "-60 -60 120 120");
  if (heading_deg !== null) drawing.append(cone(heading_deg));
  drawing.append(dot("halo", 11), dot("dot", 7.5));
  holder.append(drawing);
  return holder;
}

/** @param {number} heading_deg */
function cone(heading_deg) {
  const wedge = document.createElementNS(SVG, "g");
  wedge.setAttribute("transform", `rotate(${Number(heading_deg)})`);
  // Three wedges on top of each other fade outwards; a gradient would need an id, unique in the whole page.
  for (const reach of [30, 42, 54]) {
    const half = (32 * Math.PI) / 180;
    const [x, y] = [reach * Math.sin(half), reach * Math.cos(half)];
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", "cone");
    path.setAttribute("d", `M0 0 L${-x} ${-y} A${reach} ${reach} 0 0 1 ${x} ${-y} Z`);
    wedge.append(path);
  }
  return wedge;
}

/** @param {string} kind @param {number} radius */
function dot(kind, radius) {
  const made = document.createElementNS(SVG, "circle");
  made.setAttribute("class", kind);
  made.setAttribute("r", String(radius));
  return made;
}
