// Reading a row of digits by trial segmentation: nncore.images.rows in Python.

import { cutOut, FIELD, resize, rint } from "./image.js";
import { findInk } from "./ink.js";
import { findCuts } from "./cuts.js";
import { findPieces } from "./pieces.js";
import { evenStrokes, strokeWidth, unslanted, upright } from "./strokes.js";

const TALLEST = 26;
const SPACING = 0.05;
const LIKENESS = 1;
const SURENESS = 4;
const BIAS = 2.5;
const LEAST_SURE = -8;
const MARGIN = 6;
const SHIFTS = [[0, 1], [0, -1], [1, 0], [-1, 0]];
const BLUNTEST = 0.36;
const LEAST = -0.5;
const LEAST_OF_ROW = 0.8;
const CLASSES = 10;
const FREE = 0.005;

/** What a sheet of ink says: { number, digits, row }, `number` "" where nothing like a digit is.
 * `networks` are { digits, likeness }: the one that knows ten digits, and the package's own that
 * says whether a piece is a digit at all. */
export function readSheet(sheet, networks) {
  const found = findInk(sheet);
  if (!found || strokeWidth(found.ink) > BLUNTEST * found.ink.height) {
    return { number: "", digits: [], row: null, ink: found !== null };
  }
  const row = readRow(found.ink, networks);
  const scores = row.chosen.map((piece) => piece.score);
  const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
  const read = scores.length > 0 && mean >= (scores.length > 1 ? LEAST_OF_ROW : LEAST);
  const digits = read ? row.chosen : [];
  return { number: digits.map(({ digit }) => digit).join(""), digits, row, ink: true };
}

export function readRow(whole, { digits: network, likeness }) {
  let ink = unslanted(upright(evenStrokes(whole)));
  if (ink.height > TALLEST) {
    ink = resize(ink, TALLEST, Math.max(1, rint((ink.width * TALLEST) / ink.height)));
    ink.data.forEach((value, k) => (ink.data[k] = value < 0.02 ? 0 : Math.min(value, 1)));
    ink = cutOut(ink);
  }
  const cuts = findCuts(ink, SPACING * ink.height);
  const pieces = findPieces(ink, cuts);
  if (!pieces.length) return { ink, cuts, pieces, chosen: [] };
  const rows = joined(pieces.map((piece) => features(piece, cuts, ink.height)));
  const odds = likeness.predict(rows);
  const outputs = digitOutputs(network, pieces.map(({ form }) => form));
  pieces.forEach((piece, k) => {
    const odd = Math.min(Math.max(odds[k], 1e-4), 1 - 1e-4);
    piece.likeness = Math.log(odd / (1 - odd));
    judge(piece, outputs[k], network);
  });
  const through = bestThrough(pieces, cuts.length);
  const least = Math.max(...through) - MARGIN;
  const near = pieces.filter((_, k) => through[k] >= least && through[k] > -Infinity);
  if (near.length) {
    const moved = SHIFTS.map((shift) => near.map(({ form }) => rolled(form, shift)));
    const seen = digitOutputs(network, moved.flat());
    near.forEach((piece, k) => {
      const all = [piece.outputs, ...SHIFTS.map((_, s) => seen[s * near.length + k])];
      const means = piece.outputs.map((_, d) => all.reduce((sum, one) => sum + one[d], 0) / 5);
      judge(piece, means, network);
    });
  }
  return { ink, cuts, pieces, chosen: bestChain(pieces, cuts.length) };
}

/** What the network of likeness sees of a piece: it at half its size, and where it lies. */
function features({ form, box, first, last, lost }, cuts, height) {
  const half = FIELD / 2;
  const seen = Array.from({ length: half * half }, (_, k) => {
    const at = 2 * Math.floor(k / half) * FIELD + 2 * (k % half);
    return (form[at] + form[at + 1] + form[at + FIELD] + form[at + FIELD + 1]) / 4;
  });
  const [top, bottom, left, right] = box.map((edge) => edge / height);
  const [before, after] = [cuts[first].crossed / height, cuts[last].crossed / height];
  const wide = right - left;
  const tall = bottom - top;
  const ends = [before, after, before < FREE ? 1 : 0, after < FREE ? 1 : 0];
  return [...seen, tall, wide, wide / tall, lost / height, ...ends, top];
}

function joined(rows) {
  const all = new Float32Array(rows.length * rows[0].length);
  rows.forEach((row, k) => all.set(row, k * row.length));
  return all;
}

/** The network's outputs for images of 28 x 28, brought to lie between 0 and 1. */
export function digitOutputs(network, forms) {
  const outputs = network.predict(joined(forms));
  const last = network.layerActivations.at(-1);
  return forms.map((_, k) => {
    const row = outputs.slice(k * CLASSES, (k + 1) * CLASSES);
    if (last === "tanh") return row.map((value) => (value + 1) / 2);
    if (last === "softmax" || last === "sigmoid") return row;
    const most = Math.max(...row);
    const powers = row.map((value) => Math.exp(value - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((value) => value / sum);
  });
}

/** Notes what a piece is taken for, and what it adds to a chain. */
function judge(piece, outputs, network) {
  const confidence = Math.max(...outputs);
  let sure = Math.log(confidence + 1e-6);
  if (["sigmoid", "tanh"].includes(network.layerActivations.at(-1))) {
    const log = (value) => Math.log(Math.min(Math.max(1 - value, 1e-6), 1)); // the others say as much
    const others = outputs.reduce((sum, value) => sum + log(value), 0) - log(confidence);
    sure = (sure + others) / 2;
  }
  piece.outputs = outputs;
  piece.confidence = confidence;
  piece.digit = outputs.indexOf(confidence);
  piece.score = LIKENESS * piece.likeness + SURENESS * Math.max(sure, LEAST_SURE) + BIAS;
}

function rolled(form, [down, right]) {
  return form.map((_, k) => {
    const y = (Math.floor(k / FIELD) - down + FIELD) % FIELD;
    const x = ((k % FIELD) - right + FIELD) % FIELD;
    return form[y * FIELD + x];
  });
}

/** The highest sum of a chain through each piece; pieces come sorted by their first cut. */
function bestThrough(pieces, count) {
  const left = new Array(count).fill(-Infinity);
  const right = new Array(count).fill(-Infinity);
  left[0] = 0;
  right[count - 1] = 0;
  for (const { first, last, score } of pieces) left[last] = Math.max(left[last], left[first] + score);
  const backwards = [...pieces].sort((a, b) => b.last - a.last);
  for (const { first, last, score } of backwards) {
    right[first] = Math.max(right[first], right[last] + score);
  }
  return pieces.map(({ first, last, score }) => left[first] + score + right[last]);
}

function bestChain(pieces, count) {
  const best = new Array(count).fill(-Infinity);
  const by = new Array(count).fill(null);
  best[0] = 0;
  for (const piece of pieces) {
    const total = best[piece.first] + piece.score;
    if (total > best[piece.last]) {
      best[piece.last] = total;
      by[piece.last] = piece;
    }
  }
  const chain = [];
  for (let piece = by[count - 1]; piece; piece = by[piece.first]) chain.unshift(piece);
  return chain;
}
