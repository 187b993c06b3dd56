// The weights of a first layer as images, a square a unit.

import { colours, css, signedImage } from "./colours.js";
import { fitted } from "./dom.js";
import { FIELD } from "./image.js";
import { tiles } from "./layout.js";

/** Draws `weights` (or empty squares) and returns where the squares are. `off` are units that are
 * switched off, `chosen` the one that the keyboard is at. */
export function drawForming(canvas, weights, sizes, off = new Set(), chosen = null) {
  const { context, width, height } = fitted(canvas);
  const [inputs, units] = sizes;
  const places = tiles(width, height, [units]);
  const side = inputs === FIELD * FIELD ? FIELD : Math.ceil(Math.sqrt(inputs));
  const { line, paper, ink, minus } = colours();
  const sorted = weights && Float32Array.from(weights, Math.abs).sort();
  const scale = sorted?.[Math.floor(sorted.length * 0.985)] || 1e-6;
  for (const { x, y, size, unit } of places) {
    context.fillStyle = css(paper);
    context.fillRect(x, y, size, size);
    if (weights) {
      context.globalAlpha = off.has(unit) ? 0.12 : 1;
      context.imageSmoothingEnabled = size < side;
      const own = signedImage(weights.subarray(unit * inputs, (unit + 1) * inputs), side, scale);
      context.drawImage(own, x, y, size, size);
      context.globalAlpha = 1;
    }
    context.strokeStyle = css(off.has(unit) ? minus : line);
    context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
    if (unit === chosen) {
      context.lineWidth = 2.5;
      context.strokeStyle = css(ink);
      context.strokeRect(x - 1, y - 1, size + 2, size + 2);
      context.lineWidth = 1;
    }
  }
  return places;
}
