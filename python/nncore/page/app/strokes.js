// How thick a row's strokes are, and how it lies: nncore.images.strokes in Python.

import { BOX, cutOut, image, pad, resize, rint } from "./image.js";

const THIN = 1.6;
const THICK = 5;
const LONG = 2.2;
const STEEP = 0.08;
const SLANT = 0.26;
const FINE = 26;
const APART = 2;
const FARTHEST = 4;
const TOO_SLANTED = 0.2;

/** The mean width of strokes in pixels: twice their area for the length of their outline. */
export function strokeWidth(ink) {
  const most = ink.data.reduce((a, b) => Math.max(a, b), 0);
  const { height, width, data } = pad(ink, { top: 1, bottom: 1, left: 1, right: 1 });
  let [area, outline] = [0, 0];
  const inked = (y, x) => data[y * width + x] > 0.4 * most;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (inked(y, x)) area += 1;
      if (y && inked(y, x) !== inked(y - 1, x)) outline += 1;
      if (x && inked(y, x) !== inked(y, x - 1)) outline += 1;
    }
  }
  return (2.5 * area) / Math.max(outline, 1);
}

/** Strokes that are neither thinner nor thicker than MNIST's, in large pictures. */
export function evenStrokes(ink) {
  const unit = ink.height / BOX;
  const width = strokeWidth(ink);
  const more = (THIN * unit - width) / 2;
  const less = (width - THICK * unit) / 2;
  if (more >= 0.75) {
    const reach = rint(more);
    return spread(pad(ink, { top: reach, bottom: reach, left: reach, right: reach }), reach);
  }
  if (less >= 0.75) {
    const negative = image(ink.height, ink.width, ink.data.map((value) => -value));
    const thinner = spread(negative, rint(less));
    thinner.data.forEach((value, k) => (thinner.data[k] = value ? -value : 0));
    if (thinner.data.some((value) => value !== 0)) return cutOut(thinner);
  }
  return ink;
}

/** The maximum within `reach` pixels of each, in a square. */
export function spread({ height, width, data }, reach) {
  const across = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let most = -Infinity;
      const high = Math.min(x + reach, width - 1);
      for (let u = Math.max(x - reach, 0); u <= high; u++) most = Math.max(most, data[y * width + u]);
      across[y * width + x] = most;
    }
  }
  const result = image(height, width);
  for (let y = 0; y < height; y++) {
    const high = Math.min(y + reach, height - 1);
    for (let x = 0; x < width; x++) {
      let most = -Infinity;
      for (let v = Math.max(y - reach, 0); v <= high; v++) most = Math.max(most, across[v * width + x]);
      result.data[y * width + x] = most;
    }
  }
  return result;
}

/** A long row with its line brought level, by moving columns up or down. */
export function upright(ink) {
  const { height, width, data } = ink;
  if (width < LONG * height) return ink;
  const mass = new Float64Array(width);
  const middle = new Float64Array(width);
  let [total, centre] = [0, 0];
  const place = (x) => x - (width - 1) / 2;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      mass[x] += data[y * width + x];
      middle[x] += y * data[y * width + x];
    }
    if (mass[x] > 0) middle[x] /= mass[x];
    total += mass[x];
    centre += mass[x] * place(x);
  }
  centre /= total;
  let [along, square] = [0, 0];
  for (let x = 0; x < width; x++) {
    const away = place(x) - centre;
    along += mass[x] * away * middle[x];
    square += mass[x] * away * away;
  }
  const slope = along / square;
  if (Math.abs(slope) < STEEP) return ink;
  const moves = Array.from({ length: width }, (_, x) => rint(-slope * place(x)));
  const least = Math.min(...moves);
  const level = image(height + Math.max(...moves) - least, width);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      level.data[(y + moves[x] - least) * width + x] = data[y * width + x];
    }
  }
  return cutOut(level);
}

/** A long row with the slant of MNIST's digits, by moving rows to the side. */
export function unslanted(ink) {
  const { height, width, data } = ink;
  if (width < LONG * height) return ink;
  const excess = slant(ink) - SLANT;
  if (Math.abs(excess) < TOO_SLANTED) return ink;
  let moves = Array.from({ length: height }, (_, y) => excess * (y - (height - 1) / 2));
  const least = Math.min(...moves);
  moves = moves.map((move) => move - least);
  const straight = image(height, width + Math.floor(Math.max(...moves)) + 2);
  moves.forEach((move, y) => {
    const whole = Math.floor(move);
    const part = move - whole;
    const start = y * straight.width + whole;
    for (let x = 0; x < width; x++) {
      straight.data[start + x] += (1 - part) * data[y * width + x];
      straight.data[start + x + 1] += part * data[y * width + x];
    }
  });
  return cutOut(straight);
}

/** By how many columns a row strokes lean to the right: what shift makes rows most alike. */
function slant(ink) {
  const columns = Math.max(1, rint((ink.width * FINE) / ink.height));
  const small = resize(ink, FINE, columns);
  small.data.forEach((value, k) => (small.data[k] = Math.min(Math.max(value, 0), 1)));
  const { width, data } = pad(small, { left: FARTHEST, right: FARTHEST });
  const shifts = Array.from({ length: 2 * FARTHEST + 1 }, (_, k) => k - FARTHEST);
  let alike = shifts.map((shift) => {
    let sum = 0;
    for (let y = 0; y < FINE - APART; y++) {
      for (let x = 0; x < width; x++) {
        sum += data[y * width + x] * data[(y + APART) * width + ((x - shift + width) % width)];
      }
    }
    return sum;
  });
  const median = [...alike].sort((a, b) => a - b)[FARTHEST];
  alike = alike.map((value) => Math.max(value - median, 0) ** 2);
  const total = alike.reduce((a, b) => a + b, 0);
  return total ? alike.reduce((sum, value, k) => sum + value * shifts[k], 0) / total / APART : SLANT;
}
