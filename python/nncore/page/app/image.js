// Images of one number a pixel, and how they are brought into the form of MNIST's. The rules are
// those of nncore.images.mnist_form in Python.

export const FIELD = 28;
export const BOX = 20;

/** An image: `data` has height * width numbers, row by row. */
export function image(height, width, data = new Float32Array(height * width)) {
  return { height, width, data };
}

/** The smallest box around all that is not 0: [top, bottom, left, right], or null where all is 0. */
export function inkBox({ height, width, data }) {
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[y * width + x] === 0) continue;
      if (y < top) top = y;
      if (x < left) left = x;
      if (x >= right) right = x + 1;
      bottom = y + 1;
    }
  }
  return bottom ? [top, bottom, left, right] : null;
}

export function crop(from, [top, bottom, left, right]) {
  const part = image(bottom - top, right - left);
  for (let y = top; y < bottom; y++) {
    const row = from.data.subarray(y * from.width + left, y * from.width + right);
    part.data.set(row, (y - top) * part.width);
  }
  return part;
}

export function cutOut(from) {
  const box = inkBox(from);
  return box ? crop(from, box) : image(0, 0);
}

/** The image with `by` empty pixels on the sides that are named. */
export function pad(from, { top = 0, bottom = 0, left = 0, right = 0 }) {
  const wider = image(from.height + top + bottom, from.width + left + right);
  for (let y = 0; y < from.height; y++) {
    const row = from.data.subarray(y * from.width, (y + 1) * from.width);
    wider.data.set(row, (y + top) * wider.width + left);
  }
  return wider;
}

const kept = new Map();

/** What each of `old` pixels gives to each of `count` new ones, (count, old): a cubic filter as
 * wide as an old or a new pixel, the wider one. */
export function weights(old, count) {
  const key = old * 65536 + count;
  let table = kept.get(key);
  if (table) return table;
  table = new Float32Array(count * old);
  if (old === count) {
    for (let k = 0; k < old; k++) table[k * old + k] = 1;
  } else {
    const scale = old / count;
    for (let k = 0; k < count; k++) {
      const centre = (k + 0.5) * scale - 0.5;
      const row = Float64Array.from({ length: old }, (_, x) =>
        cubic(Math.abs(x - centre) / Math.max(scale, 1)),
      );
      const sum = row.reduce((total, value) => total + value, 0);
      for (let x = 0; x < old; x++) table[k * old + x] = row[x] / sum;
    }
  }
  if (kept.size > 600) kept.clear();
  kept.set(key, table);
  return table;
}

function cubic(distance) {
  if (distance < 1) return (1.5 * distance - 2.5) * distance ** 2 + 1;
  if (distance < 2) return ((-0.5 * distance + 2.5) * distance - 4) * distance + 2;
  return 0;
}

export function resize(from, height, width) {
  const down = weights(from.height, height);
  const across = weights(from.width, width);
  const low = image(height, from.width);
  for (let y = 0; y < height; y++) {
    for (let k = 0; k < from.height; k++) {
      const weight = down[y * from.height + k];
      if (weight === 0) continue;
      for (let x = 0; x < from.width; x++) {
        low.data[y * from.width + x] += weight * from.data[k * from.width + x];
      }
    }
  }
  const small = image(height, width);
  for (let x = 0; x < width; x++) {
    for (let k = 0; k < from.width; k++) {
      const weight = across[x * from.width + k];
      if (weight === 0) continue;
      for (let y = 0; y < height; y++) {
        small.data[y * width + x] += weight * low.data[y * from.width + k];
      }
    }
  }
  return small;
}

/** NumPy's rint: halves go to the even number. */
export function rint(value) {
  const whole = Math.round(value);
  return Math.abs(value % 1) === 0.5 && whole % 2 !== 0 ? whole - 1 : whole;
}

const clip = (value, low, high) => Math.min(Math.max(value, low), high);

/** The digit of `ink`, cut out and not all 0, as 28 x 28 numbers from 0 to 1: its longer side is
 * 20 pixels long, and its centre of mass lies in the middle, as in MNIST. */
export function mnistForm(ink) {
  const scale = BOX / Math.max(ink.height, ink.width);
  const height = Math.max(rint(ink.height * scale), 1);
  const width = Math.max(rint(ink.width * scale), 1);
  const digit = resize(ink, height, width);
  const most = digit.data.reduce((a, b) => Math.max(a, b), 0);
  let [mass, down, across] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const k = y * width + x;
      digit.data[k] = Math.max(digit.data[k], 0) / most; // a thin pen grows faint when scaled down
      mass += digit.data[k];
      down += y * digit.data[k];
      across += x * digit.data[k];
    }
  }
  const top = clip(rint(FIELD / 2 - down / mass), 0, FIELD - height);
  const left = clip(rint(FIELD / 2 - across / mass), 0, FIELD - width);
  const form = new Float32Array(FIELD * FIELD);
  for (let y = 0; y < height; y++) {
    form.set(digit.data.subarray(y * width, (y + 1) * width), (y + top) * FIELD + left);
  }
  return form;
}
