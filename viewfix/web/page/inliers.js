/** A drawing of two pictures and the points they share, side by side, or stacked on a narrow screen. */

const GAP_PX = 10;
const NARROW_PX = 560;

/**
 * @typedef {object} Matches
 * @property {{width: number, height: number}} query size of the upright picture that the points are in
 * @property {{width: number, height: number}} photo
 * @property {[number, number, number, number][]} inliers x, y in the query, x, y in the photo
 */

/**
 * @param {HTMLCanvasElement} canvas as wide as its parent
 * @param {Matches} matches
 * @param {{query: CanvasImageSource | null, photo: CanvasImageSource | null}} pictures null: a plain box instead
 * @param {{lines: boolean}} how
 */
export function drawInliers(canvas, matches, pictures, { lines }) {
  const width = canvas.parentElement?.clientWidth ?? 0;
  const stacked = width < NARROW_PX;
  const [left, right] = places(matches, width, stacked);
  const height = Math.max(left.y + left.height, right.y + right.height);
  const sharp = Math.min(devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * sharp);
  canvas.height = Math.round(height * sharp);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.scale(sharp, sharp);
  for (const [place, picture] of [[left, pictures.query], [right, pictures.photo]]) {
    pen.fillStyle = "#8884";
    if (picture === null) pen.fillRect(place.x, place.y, place.width, place.height);
    else pen.drawImage(picture, place.x, place.y, place.width, place.height);
  }
  const pairs = matches.inliers.map(([x1, y1, x2, y2]) => [...within(left, x1, y1), ...within(right, x2, y2)]);
  // The colour shows how high a point lies in the query, so that wrong matches, which cross the others, stand out.
  const hues = matches.inliers.map(([, y]) => 170 + (190 * y) / matches.query.height);
  const faint = Math.min(1, 0.35 + 12 / pairs.length);
  pairs.forEach((pair, index) => lines && drawLine(pen, pair, hues[index], faint));
  pairs.forEach((pair, index) => drawPoints(pen, pair, hues[index]));
}

/** Where the two pictures lie: side by side with one height, or stacked with one width. */
function places({ query, photo }, width, stacked) {
  if (stacked) {
    const heights = [query, photo].map((each) => (width * each.height) / each.width);
    return [
      { x: 0, y: 0, width, height: heights[0], scale: width / query.width },
      { x: 0, y: heights[0] + GAP_PX, width, height: heights[1], scale: width / photo.width },
    ];
  }
  const aspects = [query, photo].map((each) => each.width / each.height);
  const height = Math.min((width - GAP_PX) / (aspects[0] + aspects[1]), innerHeight * 0.6);
  const spare = (width - GAP_PX - height * (aspects[0] + aspects[1])) / 2;
  return [
    { x: spare, y: 0, width: height * aspects[0], height, scale: height / query.height },
    { x: spare + height * aspects[0] + GAP_PX, y: 0, width: height * aspects[1], height, scale: height / photo.height },
  ];
}

function within(place, x, y) {
  return [place.x + x * place.scale, place.y + y * place.scale];
}

function drawLine(pen, [x1, y1, x2, y2], hue, alpha) {
  pen.strokeStyle = `hsl(${hue} 90% 68% / ${alpha})`;
  pen.lineWidth = 1.1;
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

/** A light dot with a dark rim, visible over any picture. */
function drawPoints(pen, [x1, y1, x2, y2], hue) {
  for (const [x, y] of [[x1, y1], [x2, y2]]) {
    pen.beginPath();
    pen.arc(x, y, 3, 0, 2 * Math.PI);
    pen.fillStyle = `hsl(${hue} 90% 68%)`;
    pen.strokeStyle = "rgb(0 0 0 / 70%)";
    pen.lineWidth = 1;
    pen.fill();
    pen.stroke();
  }
}
