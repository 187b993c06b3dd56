// What networks are trained on: the digits that the page carries, and tables of one's own.

const IMAGE = 784;
const LEVELS = 3;

/** Images { x, y, rows, inputs, classes } of what carried_digits.py packed: two bits a pixel. */
export function unpackDigits(bytes) {
  const rows = bytes.length / (IMAGE / 4 + 1);
  const x = new Float32Array(rows * IMAGE);
  for (let k = 0; k < x.length; k++) x[k] = ((bytes[k >> 2] >> (2 * (k & 3))) & 3) / LEVELS;
  return { x, y: bytes.slice((rows * IMAGE) / 4), rows, inputs: IMAGE, classes: 10 };
}

export class TableError extends Error {}

const MOST_ROWS = 20000;
const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const MOST_CLASSES = 100;

/** The rows of a CSV file: numbers, and in the last column a class. Each column is scaled to lie
 * between 0 and 1. Raises TableError with the line that cannot be read. */
export function readTable(text) {
  const lines = text.split(/\r?\n/).map((line, k) => ({ at: k + 1, cells: line.split(",") }));
  const rows = lines.filter(({ cells }) => cells.some((cell) => cell.trim()));
  const cell = (value) => (NUMBER.test(value.trim()) ? Number(value) : NaN);
  if (rows.length && rows[0].cells.slice(0, -1).some((value) => Number.isNaN(cell(value)))) rows.shift();
  if (rows.length < 10) throw new TableError(`expected 10 rows or more, found ${rows.length}`);
  if (rows.length > MOST_ROWS) {
    throw new TableError(`expected at most ${MOST_ROWS} rows, found ${rows.length}`);
  }
  const inputs = rows[0].cells.length - 1;
  if (inputs < 1) throw new TableError("expected columns of numbers with commas between, and a class");
  for (const { at, cells } of rows) {
    if (cells.length !== inputs + 1) {
      throw new TableError(`line ${at}: expected ${inputs + 1} columns, found ${cells.length}`);
    }
    const wrong = cells.slice(0, -1).find((value) => !Number.isFinite(cell(value)));
    if (wrong !== undefined) throw new TableError(`line ${at}: expected a number, found "${wrong.trim()}"`);
  }
  const names = [...new Set(rows.map(({ cells }) => cells.at(-1).trim()))].sort(byCode);
  if (names.length < 2 || names.length > MOST_CLASSES) {
    throw new TableError(`expected 2 to ${MOST_CLASSES} classes in the last column, found ${names.length}`);
  }
  const numbers = rows.map(({ cells }) => cells.slice(0, -1).map(cell));
  const x = new Float32Array(rows.length * inputs);
  for (let k = 0; k < inputs; k++) {
    const column = numbers.map((row) => row[k]);
    const low = column.reduce((a, b) => Math.min(a, b));
    const high = column.reduce((a, b) => Math.max(a, b));
    column.forEach((value, row) => (x[row * inputs + k] = (value - low) / (high > low ? high - low : 1)));
  }
  const y = Uint8Array.from(rows, ({ cells }) => names.indexOf(cells.at(-1).trim()));
  return { x, y, rows: rows.length, inputs, classes: names.length, names };
}

const byCode = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Every fifth row for measuring, the others for training. */
export function parted({ x, y, rows, inputs }) {
  const part = (wanted) => {
    const picked = Array.from({ length: rows }, (_, row) => row).filter(wanted);
    const some = new Float32Array(picked.length * inputs);
    picked.forEach((row, k) => some.set(x.subarray(row * inputs, (row + 1) * inputs), k * inputs));
    return [some, Uint8Array.from(picked, (row) => y[row])];
  };
  return { train: part((row) => row % 5 !== 4), held: part((row) => row % 5 === 4) };
}
