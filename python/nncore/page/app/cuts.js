// Where a row of digits may be cut: paths from top to bottom that cross little ink. The rules are
// those of nncore.images.cuts in Python.

import { pad, rint } from "./image.js";

const ANCHORS = [0.3, 0.5, 0.7];
const STIFF = Math.fround(0.5);
const SUPPLE = Math.fround(0.1);
const SLOPES = [-0.25, 0, 0.25];
const FREE = 0.1;
const SAME = 0.25;

/** Cuts from left to right, each { columns, crossed }: in every row the first column to the right
 * of its path, and the ink that it crosses. */
export function findCuts(row, spacing) {
  const ink = pad(row, { left: 1, right: 1 });
  const { height, width } = ink;
  const inside = [...straightLines(ink, spacing), ...seams(ink, spacing)]
    .map((columns) => ({ columns, crossed: inkAlong(ink, columns) }))
    .sort((a, b) => a.crossed - b.crossed);
  const outside = [0, width - 1].map((column) => {
    const columns = new Int32Array(height).fill(column);
    return { columns, crossed: inkAlong(ink, columns) };
  });
  const sum = ({ columns }) => columns.reduce((a, b) => a + b, 0);
  const cuts = different([...outside, ...inside], ink).sort((a, b) => sum(a) - sum(b));
  for (const cut of cuts) {
    cut.columns = cut.columns.map((x) => Math.min(Math.max(x - 1, 0), width - 2));
  }
  return cuts;
}

function inkAlong({ width, data }, columns) {
  let sum = 0;
  columns.forEach((x, y) => (sum += data[y * width + x]));
  return Math.fround(sum);
}

function straightLines(ink, spacing) {
  const { height, width } = ink;
  const found = [];
  for (const slope of SLOPES) {
    const line = (x) =>
      Int32Array.from({ length: height }, (_, y) =>
        Math.min(Math.max(x + rint(slope * (y - (height - 1) / 2)), 0), width - 1),
      );
    const cost = Float32Array.from({ length: width }, (_, x) => inkAlong(ink, line(x)));
    found.push(...valleys(cost, spacing).map(line));
  }
  return found;
}

function seams(ink, spacing) {
  const { height, width, data } = ink;
  const found = new Map();
  const rows = Array.from({ length: height }, (_, y) => data.subarray(y * width, (y + 1) * width));
  for (const sidestep of [STIFF, SUPPLE]) {
    for (const anchor of ANCHORS) {
      const middle = Math.floor(anchor * height);
      const up = descend(rows.slice(0, middle + 1).reverse(), sidestep);
      const down = descend(rows.slice(middle), sidestep);
      const cost = up.cost.map((value, x) => value + down.cost[x] - rows[middle][x]);
      for (const start of valleys(cost, spacing)) {
        const above = follow(start, up.steps).reverse();
        const path = [...above, ...follow(start, down.steps).slice(1)];
        const crossed = path.reduce((sum, x, y) => sum + rows[y][x], 0);
        if (sidestep === STIFF || crossed < FREE) found.set(path.join(), Int32Array.from(path));
      }
    }
  }
  const order = (a, b) => {
    const k = a.findIndex((x, y) => x !== b[y]);
    return k < 0 ? 0 : a[k] - b[k];
  };
  return [...found.values()].sort(order);
}

/** From each column of the first row to the last one: the cost, and the step at each row. */
function descend(rows, sidestep) {
  const width = rows[0].length;
  let cost = rows.at(-1).slice();
  const steps = [];
  for (let y = rows.length - 2; y >= 0; y--) {
    const next = new Float32Array(width);
    const step = new Int8Array(width);
    for (let x = 0; x < width; x++) {
      const left = x ? Math.fround(cost[x - 1] + sidestep) : Infinity;
      const right = x + 1 < width ? Math.fround(cost[x + 1] + sidestep) : Infinity;
      const best = Math.min(cost[x], left, right);
      step[x] = cost[x] === best ? 0 : left === best ? -1 : 1;
      next[x] = best + rows[y][x];
    }
    steps.unshift(step);
    cost = next;
  }
  return { cost, steps };
}

function follow(start, steps) {
  const path = [start];
  for (const step of steps) path.push(path.at(-1) + step[path.at(-1)]);
  return path;
}

/** The cheapest columns that are more than `spacing` apart; of a flat stretch its middle. */
function valleys(cost, spacing) {
  const starts = [0];
  for (let x = 1; x < cost.length; x++) {
    if (Math.abs(Math.fround(cost[x] - cost[x - 1])) > 1e-4) starts.push(x);
  }
  const ends = [...starts.slice(1).map((x) => x - 1), cost.length - 1];
  const order = starts.map((_, k) => k).sort((a, b) => cost[starts[a]] - cost[starts[b]] || a - b);
  const taken = new Uint8Array(cost.length);
  const chosen = [];
  const reach = Math.floor(spacing);
  for (const k of order) {
    const middle = (starts[k] + ends[k]) >> 1;
    if (taken[middle]) continue;
    chosen.push(middle);
    taken.fill(1, Math.max(starts[k] - reach, 0), ends[k] + reach + 1);
  }
  return chosen.sort((a, b) => a - b);
}

/** The cuts without those that part the ink as an earlier one does. */
function different(cuts, ink) {
  const { height, width, data } = ink;
  const before = new Float32Array(height * (width + 1)); // the ink to the left of each column
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const k = y * (width + 1) + x;
      before[k + 1] = before[k] + data[y * width + x];
    }
  }
  const left = ({ columns }) => Float32Array.from(columns, (x, y) => before[y * (width + 1) + x]);
  const lefts = cuts.slice(0, 2).map(left);
  const kept = cuts.slice(0, 2);
  for (const cut of cuts.slice(2)) {
    const own = left(cut);
    const apart = (other) => other.reduce((sum, value, y) => sum + Math.abs(value - own[y]), 0);
    if (lefts.every((other) => apart(other) >= SAME * height)) {
      kept.push(cut);
      lefts.push(own);
    }
  }
  return kept;
}
