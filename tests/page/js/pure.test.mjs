// The parts of the page that need no page. node --test, with APP the folder of its modules.

import assert from "node:assert/strict";
import test from "node:test";
import { pathToFileURL } from "node:url";

const load = (name) => import(pathToFileURL(`${process.env.APP}/${name}`));
const { DEFAULTS, asSettings, fromAddress, pythonCode, toAddress } = await load("settings.js");
const { TableError, parted, readTable, unpackDigits } = await load("data.js");
const { tiles, unitAt } = await load("layout.js");
const { largest, slope, sumTerms } = await load("terms.js");
const { SHAPES, pointsOf } = await load("shapes.js");
const { cutOut, image, mnistForm, resize } = await load("image.js");
const { drawStrokes, findInk } = await load("ink.js");
const { fingerprint } = await load("model.js");

test("an address brings the same settings back", () => {
  const settings = { ...DEFAULTS, hidden: 17, rate: 0.125, seed: 99, cost: "quadratic" };
  assert.deepEqual(fromAddress(toAddress(settings)), settings);
  assert.deepEqual(fromAddress("#train"), DEFAULTS);
});

test("what cannot be is the default instead", () => {
  const wrong = { hidden: "0", rate: "-1", epochs: "1.5", batch: "", cost: "<b>", seed: "x", data: "?" };
  assert.deepEqual(asSettings(wrong), DEFAULTS);
});

test("the code has the settings, and a file's name stays text", () => {
  const data = { file: 'a".csv', sizes: [4, 5, 3] };
  const code = pythonCode({ ...DEFAULTS, data: "csv", hidden: 5, seed: 7 }, data);
  assert.match(code, /Network\(\[4, 5, 3\], cost="cross_entropy", seed=7\)/);
  assert.ok(code.includes('np.loadtxt("a\\".csv"'));
});

test("a table is read, scaled and parted", () => {
  const lines = Array.from({ length: 10 }, (_, k) => `${k},${-2 * k},${k % 2 ? "b" : "a"}`);
  const table = readTable(["one,two,kind", ...lines, ""].join("\r\n"));
  assert.deepEqual([table.rows, table.inputs, table.classes], [10, 2, 2]);
  assert.deepEqual([...table.x.slice(-2)], [1, 0]);
  assert.deepEqual([...table.y], [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  const { train, held } = parted(table);
  assert.deepEqual([train[1].length, held[1].length], [8, 2]);
  assert.deepEqual([...held[0].slice(0, 2)], [...table.x.slice(8, 10)]);
});

for (const [text, message] of [
  ["1,a\n".repeat(9), /10 rows or more, found 9/],
  [`${"1,2,a\n3,4,b\n".repeat(6)}1,a`, /line 13: expected 3 columns, found 2/],
  [`${"1,a\n3,b\n".repeat(6)}x,a`, /line 13: expected a number, found "x"/],
  ["1,a\n".repeat(12), /2 to 100 classes in the last column, found 1/],
  ["a\nb\n".repeat(12), /expected columns of numbers/],
]) {
  test(`a table that cannot be read says ${message}`, () => {
    assert.throws(() => readTable(text), (error) => error instanceof TableError && message.test(error.message));
  });
}

test("packed digits come back", () => {
  const bytes = new Uint8Array(2 * 197);
  bytes[0] = 0b11100100;
  bytes[2 * 196] = 7;
  const { x, y, rows } = unpackDigits(bytes);
  assert.equal(rows, 2);
  assert.deepEqual([...x.slice(0, 4)], [0, 1 / 3, 2 / 3, 1].map(Math.fround));
  assert.deepEqual([...y], [7, 0]);
});

test("units fit into their picture and are found there", () => {
  for (const layers of [[1], [30], [100], [112, 96], [7, 30, 4]]) {
    for (const [width, height] of [[300, 300], [330, 230], [700, 236]]) {
      const places = tiles(width, height, layers);
      assert.equal(places.length, layers.reduce((a, b) => a + b));
      for (const tile of places) {
        assert.ok(tile.x >= -1 && tile.x + tile.size <= width + 1, `${layers} ${width}`);
        assert.ok(tile.y >= -1 && tile.y + tile.size <= height + 1);
        assert.equal(unitAt(places, tile.x + tile.size / 2, tile.y + tile.size / 2), tile);
      }
    }
  }
  assert.deepEqual(tiles(300, 300, []), []);
});

test("terms add up, largest first", () => {
  const terms = sumTerms([1, -3, 2, 5], [1, 1, 0.5, 0]);
  assert.deepEqual(terms.map(({ k }) => k), [1, 0, 2]);
  assert.equal(terms.reduce((sum, { value }) => sum + value, 0), -1);
  assert.equal(largest([1, -3, 2]), 1);
});

test("slopes are differences of the activation", () => {
  const functions = { sigmoid: (z) => 1 / (1 + Math.exp(-z)), tanh: Math.tanh, relu: (z) => Math.max(z, 0), linear: (z) => z };
  for (const [name, f] of Object.entries(functions)) {
    for (const z of [-1.3, 0.4, 2]) {
      const difference = (f(z + 1e-5) - f(z - 1e-5)) / 2e-5;
      assert.ok(Math.abs(slope(name, z, f(z)) - difference) < 1e-6, name);
    }
  }
  assert.equal(slope("gelu", 1, 1), null);
});

test("shapes lie in the plane and have both kinds", () => {
  for (const shape of Object.keys(SHAPES)) {
    const points = pointsOf(shape);
    assert.equal(new Set(points.map(({ label }) => label)).size, 2, shape);
    assert.ok(points.every(({ x, y }) => Math.abs(x) < 1.3 && Math.abs(y) < 1.3), shape);
    assert.deepEqual(points, pointsOf(shape));
  }
});

test("a digit is centred by its mass, 20 pixels long", () => {
  const ink = cutOut(drawStrokes(image(150, 200), [[[100, 20], [100, 130]]], 5));
  const form = mnistForm(ink);
  const rows = Array.from({ length: 28 }, (_, y) => form.slice(28 * y, 28 * y + 28));
  const inked = rows.map((row) => row.some((level) => level > 0));
  assert.equal(inked.filter(Boolean).length, 20);
  const centre = rows.reduce((sum, row, y) => sum + y * row.reduce((a, b) => a + b), 0) / form.reduce((a, b) => a + b);
  assert.ok(Math.abs(centre - 14) <= 0.5);
});

test("resizing keeps a flat image flat", () => {
  const flat = image(9, 40, new Float32Array(360).fill(0.5));
  assert.ok(resize(flat, 20, 7).data.every((level) => Math.abs(level - 0.5) < 1e-6));
});

test("nothing drawn, nothing found; specks are not ink", () => {
  assert.equal(findInk(image(150, 200)), null);
  const drawn = drawStrokes(image(150, 200), [[[50, 20], [60, 130]]], 5);
  drawStrokes(drawn, [[[150, 75]]], 1.5);
  const { box } = findInk(drawn);
  assert.ok(box[3] < 80, String(box));
});

test("the fingerprint is CRC-32 of the parameters' bytes", () => {
  const bytes = new Uint8Array([..."12345678"].map((digit) => digit.charCodeAt(0)));
  const network = { sizes: [2, 1], weights: () => new Float32Array(bytes.buffer), biases: () => new Float32Array(0) };
  assert.equal(fingerprint(network), "9ae0daaf");
});
