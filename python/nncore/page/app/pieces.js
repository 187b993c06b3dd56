// What lies between two cuts of a row: candidates for digits, in MNIST's form. The rules are those
// of nncore.images.pieces in Python.

import { crop, image, inkBox, mnistForm } from "./image.js";
import { keepParts } from "./components.js";

const WIDEST = 1.5;
const WIDEST_ALONE = 2.5;
const LOWEST = 0.45;
const MOST_CROSSED = 0.4;
const FRAGMENT = 0.06;

/** Candidates, each { first, last, box, lost, form }: the numbers of the cuts on both sides, top,
 * bottom, left and right in the row, the ink of fragments that were taken away, and 28 x 28. */
export function findPieces(ink, cuts) {
  const { height, width, data } = ink;
  const ends = cuts.length - 1;
  const middles = cuts.map(({ columns }) => columns.reduce((a, b) => a + b, 0) / height);
  const before = new Float32Array(height * (width + 1));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const k = y * (width + 1) + x;
      before[k + 1] = before[k] + data[y * width + x];
    }
  }
  const found = [];
  for (let first = 0; first < ends; first++) {
    for (let last = first + 1; last <= ends; last++) {
      const [a, b] = [cuts[first], cuts[last]];
      const alone = first === 0 && last === ends;
      if (middles[last] - middles[first] > (alone ? WIDEST_ALONE : 1.2) * height) continue;
      if (Math.max(a.crossed, b.crossed) > MOST_CROSSED * height) continue;
      let inked = 0;
      let apart = true;
      for (let y = 0; y < height && apart; y++) {
        apart = a.columns[y] <= b.columns[y];
        const row = y * (width + 1);
        if (before[row + b.columns[y]] - before[row + a.columns[y]] > 0.3) inked += 1;
      }
      if (!apart || inked < LOWEST * height) continue;
      const piece = between(ink, a.columns, b.columns, alone);
      if (piece) found.push({ first, last, ...piece });
    }
  }
  return found;
}

function between(ink, from, to, alone) {
  const { height, width, data } = ink;
  const low = Math.min(...from);
  const part = image(height, Math.max(Math.max(...to) - low, 1));
  let whole = 0;
  for (let y = 0; y < height; y++) {
    for (let x = from[y]; x < to[y]; x++) {
      part.data[y * part.width + x - low] = data[y * width + x];
      whole += data[y * width + x];
    }
  }
  keepParts(part, ({ mass }) => mass >= FRAGMENT * whole);
  const box = inkBox(part);
  if (!box) return null;
  const [top, bottom, left, right] = box;
  const tall = bottom - top;
  if (tall < LOWEST * height || right - left > (alone ? WIDEST_ALONE : WIDEST) * tall) return null;
  return {
    box: [top, bottom, left + low, right + low],
    lost: whole - part.data.reduce((a, b) => a + b, 0),
    form: mnistForm(crop(part, box)),
  };
}
