// The picture of the network: hidden units as images of their weights, lit by what they say, and
// threads from the drawing through them to the outputs.

import { colours, css, inkImage, onColours, signed, signedImage } from "./colours.js";
import { calm, find, fitted, number, onNextFrame } from "./dom.js";
import { FIELD } from "./image.js";
import { tiles, unitAt } from "./layout.js";
import { drawThreads } from "./threads.js";

const QUICK = 0.28; // the part of the way to what it is to show that light goes in a frame

const LOOKS = "Hidden units: what each looks for, lit by what it says";
const CAPTIONS = [
  LOOKS,
  LOOKS,
  "Errors of the hidden units: framed red where negative",
  "The same errors are what the biases owe",
  "What a step adds to the weights of each unit",
];

export function createFlow(model) {
  const canvas = find("units");
  let atlas = []; // images of the first hidden layer's units
  let scale = 1; // the largest weight
  let light = []; // of every hidden unit, as it is shown now
  let places = []; // of hidden units in the canvas
  let lesson = null; // what teach shows: { phase, time, deltas, images }

  const hidden = () => model.network.sizes.slice(1, -1);

  function paint() {
    const { network } = model;
    const [inputs, units] = network.sizes;
    const all = network.weights(0);
    const sorted = Float32Array.from(all, Math.abs).sort();
    scale = sorted[Math.floor(sorted.length * 0.985)] || 1e-6;
    const side = inputs === FIELD * FIELD ? FIELD : Math.ceil(Math.sqrt(inputs));
    atlas = hidden().length
      ? Array.from({ length: units }, (_, j) =>
          signedImage(all.subarray(j * inputs, (j + 1) * inputs), side, scale),
        )
      : [];
    light = hidden().map((count) => new Float32Array(count));
    canvas.setAttribute("aria-valuemax", String(hidden().reduce((a, b) => a + b, 0)));
    draw();
  }

  /** How bright each hidden unit is to be: its activation, of the largest in its layer. */
  function brightness(layer) {
    const a = model.a?.[layer];
    if (!a) return new Float32Array(hidden()[layer]);
    const bounded = ["sigmoid", "tanh"].includes(model.network.layerActivations[layer]);
    const most = bounded ? 1 : a.reduce((m, value) => Math.max(m, Math.abs(value)), 1e-9);
    return a.map((value) => Math.min(Math.abs(value) / most, 1));
  }

  const draw = onNextFrame(() => {
    if (find("draw").hidden) return;
    let moving = lesson !== null;
    hidden().forEach((_, layer) => {
      brightness(layer).forEach((wanted, j) => {
        const step = (wanted - light[layer][j]) * (calm() ? 1 : QUICK);
        light[layer][j] += Math.abs(step) < 0.004 ? wanted - light[layer][j] : step;
        if (light[layer][j] !== wanted) moving = true;
      });
    });
    drawUnits();
    drawSeen();
    drawThreads(model, places, light, lesson);
    if (moving) draw();
  });

  function drawUnits() {
    const { context, width, height } = fitted(canvas);
    places = tiles(width, height, hidden());
    const { ink, soft } = colours();
    places.forEach((tile) => {
      const { x, y, size, layer, unit } = tile;
      const shine = light[layer][unit];
      const taught = lesson?.images && layer === 0 ? lesson.images[unit] : null;
      context.globalAlpha = taught ? 1 : 0.42 + 0.58 * shine;
      context.imageSmoothingEnabled = size < FIELD;
      if (layer === 0) {
        context.drawImage(taught ?? atlas[unit], x, y, size, size);
      } else {
        context.fillStyle = css(signed(model.a ? model.a[layer][unit] : 1), 0.15 + 0.85 * shine);
        context.beginPath();
        context.arc(x + size / 2, y + size / 2, size / 2.4, 0, 2 * Math.PI);
        context.fill();
      }
      context.globalAlpha = 1;
      const delta = lesson?.deltas?.[layer]?.[unit];
      if (delta !== undefined && lesson.phase >= 2) {
        context.lineWidth = 2.5;
        context.strokeStyle = css(signed(delta), lesson.share(layer, unit));
        outline(context, tile);
      } else if (shine > 0.05 && layer === 0) {
        context.lineWidth = 1.5;
        context.strokeStyle = css(colours().plus, 0.9 * shine);
        outline(context, tile);
      }
      const chosen = model.unit?.layer === layer && model.unit.unit === unit;
      if (chosen) {
        context.lineWidth = 2.5;
        context.strokeStyle = css(ink);
        context.strokeRect(x - 1, y - 1, size + 2, size + 2);
      }
    });
    if (!places.length) {
      context.fillStyle = css(soft);
      context.fillText("no hidden units", 10, height / 2);
    }
  }

  /** A frame around an image, a ring around a dot. */
  function outline(context, { x, y, size, layer }) {
    if (layer === 0) return context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
    context.beginPath();
    context.arc(x + size / 2, y + size / 2, size / 2.2, 0, 2 * Math.PI);
    return context.stroke();
  }

  function drawSeen() {
    const { context, width } = fitted(find("seen"));
    context.imageSmoothingEnabled = false;
    if (model.input) context.drawImage(inkImage(model.input, FIELD), 0, 0, width, width);
  }

  function describe() {
    const { unit, a } = model;
    const counts = hidden();
    if (!unit || unit.layer >= counts.length) return;
    const index = counts.slice(0, unit.layer).reduce((sum, n) => sum + n, 0) + unit.unit;
    canvas.setAttribute("aria-valuenow", String(index + 1));
    const says = a ? `says ${number(a[unit.layer][unit.unit])}` : "nothing is drawn";
    const where = counts.length > 1 ? ` of hidden layer ${unit.layer + 1}` : "";
    canvas.setAttribute("aria-valuetext", `unit ${unit.unit + 1}${where}, ${says}`);
  }

  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") pick(event);
  });
  canvas.addEventListener("click", pick);
  function pick(event) {
    const box = canvas.getBoundingClientRect();
    const found = unitAt(places, event.clientX - box.left, event.clientY - box.top);
    if (found && (found.layer !== model.unit?.layer || found.unit !== model.unit?.unit)) {
      model.choose({ layer: found.layer, unit: found.unit });
    }
  }
  canvas.addEventListener("keydown", (event) => {
    const columns = places[0]?.columns ?? 1;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    const step = steps[event.key];
    if (step === undefined && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    const now = places.findIndex(
      ({ layer, unit }) => layer === model.unit?.layer && unit === model.unit?.unit,
    );
    let next = now < 0 ? 0 : now + (step ?? 0);
    if (event.key === "Home") next = 0;
    if (event.key === "End") next = places.length - 1;
    const tile = places[Math.min(Math.max(next, 0), places.length - 1)];
    if (tile) model.choose({ layer: tile.layer, unit: tile.unit });
  });

  model.on((what) => {
    if (what === "network") paint();
    describe();
    draw();
  });
  onColours(paint);
  const resized = new ResizeObserver(draw);
  resized.observe(find("flow"));
  resized.observe(canvas);
  paint();
  return {
    draw,
    paint,
    /** Shows a phase of a lesson, null for none. */
    teach(shown) {
      lesson = shown;
      find("units-caption").textContent = CAPTIONS[shown?.phase ?? 0];
      draw();
    },
  };
}
