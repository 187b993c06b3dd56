// Curves over epochs.

import { colours, css } from "./colours.js";
import { fitted } from "./dom.js";

const LEFT = 46;
const BOTTOM = 20;

/** Draws curves [{ values, colour, name }] into a canvas; `at` is the epoch that is looked at. */
export function drawCurves(canvas, curves, { epochs, at, low, high, format }) {
  const { context, width, height } = fitted(canvas);
  const { line, soft, ink } = colours();
  const x = (epoch) => LEFT + ((width - LEFT - 8) * epoch) / Math.max(epochs, 1);
  const y = (value) => 8 + (height - BOTTOM - 14) * (1 - (value - low) / (high - low || 1));
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const share of [0, 0.5, 1]) {
    const value = low + share * (high - low);
    context.fillStyle = css(line);
    context.fillRect(LEFT, Math.round(y(value)), width - LEFT - 8, 1);
    context.fillStyle = css(soft);
    context.textAlign = "right";
    context.fillText(format(value), LEFT - 6, y(value));
  }
  context.textAlign = "center";
  for (const epoch of [0, epochs]) context.fillText(String(epoch), x(epoch), height - 8);
  for (const { values, colour } of curves) {
    context.strokeStyle = css(colour);
    context.lineWidth = 2;
    context.lineJoin = "round";
    context.beginPath();
    values.forEach((value, epoch) => context.lineTo(x(epoch), y(Math.min(value, high))));
    context.stroke();
    if (values[at] === undefined) continue;
    context.fillStyle = css(colour);
    context.beginPath();
    context.arc(x(at), y(values[at]), 4, 0, 2 * Math.PI);
    context.fill();
  }
  context.textAlign = "right";
  curves.filter(({ name }) => name).forEach(({ name, colour }, k) => {
    context.fillStyle = css(colour);
    context.fillText(name, width - 10, 16 + 17 * k);
  });
  if (at !== null) {
    context.fillStyle = css(ink, 0.35);
    context.fillRect(x(at), 8, 1, height - BOTTOM - 6);
  }
}
