// Threads through the picture: from the image to the units that it lights, and from these to the
// outputs, thicker where more flows; in a lesson backwards.

import { colours, css, signed } from "./colours.js";
import { find, fitted } from "./dom.js";

const SHOWN = 14; // of the terms of an output
const MET = 8; // of the units of a later hidden layer
const LIT = 24; // of the units that the image reaches

export function drawThreads(model, places, light, lesson) {
  const flow = find("threads");
  const { context } = fitted(flow);
  const origin = flow.getBoundingClientRect();
  const box = (element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    return {
      left: left - origin.left,
      right: right - origin.left,
      top: top - origin.top,
      bottom: bottom - origin.top,
    };
  };
  const pad = box(find("pad"));
  const seen = box(find("seen"));
  const units = box(find("units"));
  const middle = ({ top, bottom }) => (top + bottom) / 2;
  const { line, plus } = colours();
  const place = ({ x, y, size }) => [units.left + x + size / 2, units.top + y + size / 2];

  context.lineCap = "round";
  const beside = seen.left > pad.right;
  curve(
    context,
    beside ? [pad.right + 3, middle(seen)] : [(seen.left + seen.right) / 2, pad.bottom],
    beside ? [seen.left - 5, middle(seen)] : [(seen.left + seen.right) / 2, seen.top - 5],
    css(model.input ? plus : line, model.input ? 0.8 : 1),
    2,
  );
  if (!model.a) return;
  const first = places.filter(({ layer }) => layer === 0);
  const lit = [...first].sort((a, b) => light[0][b.unit] - light[0][a.unit]).slice(0, LIT);
  const right = units.left > seen.right;
  for (const tile of lit) {
    const from = right ? [seen.right + 4, middle(seen)] : [(seen.left + seen.right) / 2, seen.bottom + 4];
    const [x, y] = place(tile);
    const to = right ? [x - tile.size / 2, y] : [x, y - tile.size / 2];
    curve(context, from, to, css(plus, 0.05 + 0.28 * light[0][tile.unit]), 1);
  }
  for (let layer = 1; layer < model.network.sizes.length - 2; layer++) {
    betweenHidden(context, model, places, place, layer, light);
  }
  outputThreads(context, model, places, place, box, lesson);
}

/** The largest terms of those units of a later hidden layer that say most. */
function betweenHidden(context, model, places, place, layer, light) {
  const before = places.filter((tile) => tile.layer === layer - 1);
  const weights = model.network.weights(layer);
  const a = model.a[layer - 1];
  const said = places.filter((tile) => tile.layer === layer);
  said.sort((p, q) => light[layer][q.unit] - light[layer][p.unit]);
  for (const tile of said.slice(0, MET)) {
    const term = ({ unit }) => weights[tile.unit * a.length + unit] * a[unit];
    const sorted = [...before].sort((p, q) => Math.abs(term(q)) - Math.abs(term(p)));
    for (const from of sorted.slice(0, 2)) {
      const [x, y] = place(from);
      const [u, v] = place(tile);
      const alpha = 0.1 + 0.3 * light[layer][tile.unit];
      const ends = [[x + from.size / 2, y], [u - tile.size / 2, v]];
      curve(context, ...ends, css(signed(term(from)), alpha), 1.2);
    }
  }
}

/** The largest terms of the output that is looked at, or of the largest one. */
function outputThreads(context, model, places, place, box, lesson) {
  const last = model.network.sizes.length - 2;
  const a = model.a[last];
  const wanted = model.unit?.layer === last ? model.unit.unit : a.indexOf(Math.max(...a));
  const output = lesson ? lesson.label : wanted;
  const units = box(find("units"));
  const bar = box(find("bars").children[output].querySelector("b"));
  const tilesOfLast = places.filter(({ layer }) => layer === last - 1);
  if (!tilesOfLast.length || lesson?.phase === 4) return;
  const count = model.network.sizes[last];
  const row = model.network.weights(last).subarray(output * count, (output + 1) * count);
  const before = model.a[last - 1];
  const term = lesson
    ? ({ unit }) => lesson.deltas[last - 1]?.[unit] ?? 0
    : ({ unit }) => row[unit] * before[unit];
  const sorted = [...tilesOfLast].sort((p, q) => Math.abs(term(q)) - Math.abs(term(p)));
  const most = Math.abs(term(sorted[0])) || 1;
  for (const tile of sorted.slice(0, SHOWN)) {
    const share = Math.abs(term(tile)) / most;
    const [x, y] = place(tile);
    const down = bar.top > units.bottom;
    const end = down
      ? [(bar.left + bar.right) / 2, bar.top]
      : [bar.left - 4, (bar.top + bar.bottom) / 2];
    const start = down ? [x, y + tile.size / 2] : [x + tile.size / 2, y];
    curve(context, start, end, css(signed(term(tile)), 0.15 + 0.55 * share), 0.8 + 2.2 * share);
    if (lesson) bead(context, end, start, lesson.time, signed(term(tile)));
  }
}

/** The control points of a thread, which leaves and arrives along the longer way. */
function bent(a, b) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const half = Math.abs(dx) >= Math.abs(dy) ? [dx / 2, 0] : [0, dy / 2];
  return [[a[0] + half[0], a[1] + half[1]], [b[0] - half[0], b[1] - half[1]]];
}

function curve(context, a, b, colour, width) {
  const [c, d] = bent(a, b);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(...a);
  context.bezierCurveTo(...c, ...d, ...b);
  context.stroke();
}

/** A bead that wanders along a thread, again and again. */
function bead(context, a, b, time, colour) {
  const t = (time / 1400) % 1;
  const [c, d] = bent(a, b);
  const [x, y] = [0, 1].map(
    (k) =>
      (1 - t) ** 3 * a[k] + 3 * (1 - t) ** 2 * t * c[k] + 3 * (1 - t) * t * t * d[k] + t ** 3 * b[k],
  );
  context.fillStyle = css(colour);
  context.beginPath();
  context.arc(x, y, 3, 0, 2 * Math.PI);
  context.fill();
}
