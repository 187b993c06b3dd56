// Strokes of a pen as ink on a sheet, and the ink that counts: nncore.images.ink in Python, of
// sheets that have neither lines nor shade.

import { crop, image, inkBox } from "./image.js";
import { keepParts } from "./components.js";

/** Lays a line of the pen from (ax, ay) to (bx, by) on the sheet, in its pixels; the centre of the
 * first pixel is (.5, .5). */
export function drawLine(sheet, ax, ay, bx, by, radius) {
  const reach = radius + 1;
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const top = Math.max(Math.floor(Math.min(ay, by) - reach), 0);
  const bottom = Math.min(Math.ceil(Math.max(ay, by) + reach), sheet.height);
  const left = Math.max(Math.floor(Math.min(ax, bx) - reach), 0);
  const right = Math.min(Math.ceil(Math.max(ax, bx) + reach), sheet.width);
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
      const along = length ? Math.min(Math.max((px * dx + py * dy) / length, 0), 1) : 0;
      const away = Math.hypot(px - along * dx, py - along * dy);
      const cover = Math.min(Math.max(radius + 0.5 - away, 0), 1);
      const k = y * sheet.width + x;
      if (cover > sheet.data[k]) sheet.data[k] = cover;
    }
  }
}

/** Strokes, lists of [x, y], as ink; `scale` brings their units to pixels. */
export function drawStrokes(sheet, strokes, radius, scale = 1) {
  for (const stroke of strokes) {
    stroke.forEach(([x, y], k) => {
      const [u, v] = stroke[Math.max(k - 1, 0)];
      drawLine(sheet, u * scale, v * scale, x * scale, y * scale, radius);
    });
  }
  return sheet;
}

const FAINTEST = 0.1;

/** The ink of a sheet, from 0 to 1, cut out, without specks; null where there is none. */
export function findInk(sheet) {
  const { height, width } = sheet;
  const large = Math.max(height, width) > 100 && Math.min(height, width) >= 5;
  const ink = image(height, width, sheet.data.slice());
  const looked = large ? boxMean(sheet, 2) : sheet.data;
  const peak = looked.reduce((a, b) => Math.max(a, b), 0);
  if (peak < FAINTEST) return null;
  for (let k = 0; k < ink.data.length; k++) {
    const level = Math.min(ink.data[k] / peak, 1);
    ink.data[k] = level < (large ? 0.12 : 0) ? 0 : level;
  }
  if (large) {
    const share = boxMean(image(height, width, ink.data.map((level) => (level > 0 ? 1 : 0))), 2);
    for (let k = 0; k < ink.data.length; k++) if (share[k] < 0.15) ink.data[k] = 0;
  }
  keepParts(ink, (part) => part.most >= 0.4);
  let [heaviest, tallest] = [0, 0];
  keepParts(ink, (part) => {
    heaviest = Math.max(heaviest, part.mass);
    tallest = Math.max(tallest, part.box[1] - part.box[0]);
    return true;
  });
  keepParts(
    ink,
    (part) => part.mass >= 0.02 * heaviest || part.box[1] - part.box[0] >= 0.2 * tallest,
  );
  const box = inkBox(ink);
  return box && { ink: crop(ink, box), box };
}

/** The mean of the square of 2 * reach + 1 pixels around each, of which some may lie outside. */
function boxMean({ height, width, data }, reach) {
  const across = new Float64Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      const [low, high] = [Math.max(x - reach, 0), Math.min(x + reach, width - 1)];
      for (let u = low; u <= high; u++) sum += data[y * width + u];
      across[y * width + x] = sum / (high - low + 1);
    }
  }
  const mean = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    const [low, high] = [Math.max(y - reach, 0), Math.min(y + reach, height - 1)];
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let v = low; v <= high; v++) sum += across[v * width + x];
      mean[y * width + x] = sum / (high - low + 1);
    }
  }
  return mean;
}
