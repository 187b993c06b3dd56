// Reads pictures by the page's rules and prints what it found, for Python to compare.
// node reading.mjs APP PICTURES: a folder of modules, and a JSON file of pictures.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [app, pictures] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${app}/${name}`));
const { findInk } = await load("ink.js");
const { image, mnistForm } = await load("image.js");
const { findCuts } = await load("cuts.js");
const { findPieces } = await load("pieces.js");
const { evenStrokes, unslanted, upright } = await load("strokes.js");
const { readRow } = await load("rows.js");

// Networks of which both sides know the outputs: those of the case.
const likeness = { predict: (rows) => Float32Array.from({ length: rows.length / 205 }, (_, k) => 0.2 + 0.6 * rows[205 * k + 90]) };
const digits = {
  layerActivations: ["sigmoid"],
  predict: (rows) =>
    Float32Array.from({ length: (rows.length / 784) * 10 }, (_, k) => {
      const row = Math.floor(k / 10) * 784;
      return 0.01 + 0.004 * (k % 10) + 0.9 * rows[row + 28 * (4 + 2 * (k % 10)) + 14];
    }),
};

const found = JSON.parse(readFileSync(pictures)).map(({ height, width, grey }) => {
  const sheet = image(height, width, Float32Array.from(grey, (level) => level / 255));
  const ink = findInk(sheet);
  if (!ink) return null;
  const straight = unslanted(upright(evenStrokes(ink.ink)));
  const small = image(straight.height, straight.width, straight.data);
  const low = small.height <= 40; // rows are made as low before they are cut
  const cuts = low ? findCuts(small, 0.05 * small.height) : [];
  const pieces = low ? findPieces(small, cuts) : [];
  const row = readRow(ink.ink, { digits, likeness });
  return {
    box: ink.box,
    form: [...mnistForm(ink.ink)],
    size: [small.height, small.width],
    ink: small.data.reduce((a, b) => a + b, 0),
    cuts: cuts.map(({ columns }) => [...columns]),
    crossed: cuts.map(({ crossed }) => crossed),
    pieces: pieces.map(({ first, last, box, lost }) => [first, last, ...box, lost]),
    forms: pieces.map(({ form }) => [...form]),
    chosen: row.chosen.map(({ box, digit, score }) => [...box, digit, score]),
  };
});
process.stdout.write(JSON.stringify(found));
