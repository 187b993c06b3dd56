// Two inputs: a plane coloured by the output, with points that anyone can add.

import { colours, css, onColours, signedImage } from "./colours.js";
import { find, fitted, make, number, onNextFrame } from "./dom.js";
import { SHAPES, pointsOf } from "./shapes.js";

const FINE = 72;
const COARSE = 24;
const SLICE = 9; // milliseconds of training between two pictures

export function createPlane(core) {
  let shape = "Spirals";
  let points = pointsOf(shape);
  let label = 1;
  let network = null;
  let running = false;
  let cursor = null;
  let last = null;

  function anew() {
    network?.close();
    const hidden = find("plane-hidden").value.split("-").map(Number);
    const activation = find("plane-activation").value;
    network = new core.Network([2, ...hidden, 1], { activation, cost: "cross_entropy", seed: 1 });
    last = null;
    draw();
  }

  const arrays = () => [
    Float32Array.from(points.flatMap(({ x, y }) => [x, y])),
    Uint8Array.from(points, (point) => point.label),
  ];

  /** Trains for a slice, then lets the page breathe. */
  function learn() {
    if (!running || find("plane").hidden || !points.length) return;
    const [x, y] = arrays();
    const end = performance.now() + SLICE;
    const options = {
      epochs: 1, batchSize: Math.min(10, points.length), optimizer: "adam",
      learningRate: Number(find("plane-rate").value),
      onEpoch: (told) => void (last = told.cost),
    };
    try {
      do network.fit(x, y, options);
      while (performance.now() < end);
    } catch (error) {
      running = false;
      last = null;
      find("plane-said").textContent = `It stopped: ${error.message}`;
    }
    draw();
    requestAnimationFrame(learn);
  }

  const grid = (side) =>
    Float32Array.from({ length: 2 * side * side }, (_, k) => {
      const at = k >> 1;
      const place = k & 1 ? Math.floor(at / side) : at % side;
      return ((place + 0.5) / side) * 2 - 1;
    });
  const [fine, coarse] = [grid(FINE), grid(COARSE)];

  const draw = onNextFrame(() => {
    if (find("plane").hidden) return;
    const { context, width } = fitted(find("points"));
    const output = network.predict(fine);
    context.imageSmoothingEnabled = true;
    context.globalAlpha = 0.75;
    context.drawImage(signedImage(output.map((a) => 2 * a - 1), FINE, 1.25), 0, 0, width, width);
    context.globalAlpha = 1;
    const { plus, minus, card, ink } = colours();
    for (const point of points) {
      context.beginPath();
      context.arc(((point.x + 1) / 2) * width, ((point.y + 1) / 2) * width, 5, 0, 2 * Math.PI);
      context.fillStyle = css(point.label ? plus : minus);
      context.fill();
      context.lineWidth = 1.5;
      context.strokeStyle = css(card);
      context.stroke();
    }
    if (cursor) {
      context.strokeStyle = css(ink);
      const [x, y] = cursor.map((value) => ((value + 1) / 2) * width);
      for (const [dx, dy] of [[9, 0], [0, 9]]) {
        context.beginPath();
        context.moveTo(x - dx, y - dy);
        context.lineTo(x + dx, y + dy);
        context.stroke();
      }
    }
    const folds = network.activations(coarse)[0];
    const units = network.sizes[1];
    const bounded = network.layerActivations[0] === "sigmoid" ? 0.5 : 0;
    const pictures = Array.from({ length: units }, (_, unit) => {
      const own = Float32Array.from({ length: COARSE * COARSE }, (_, k) => folds[k * units + unit] - bounded);
      const canvas = signedImage(own, COARSE);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `hidden unit ${unit + 1}`);
      return make("figure", {}, canvas);
    });
    find("folds").replaceChildren(...pictures);
    find("plane-go").textContent = running ? "Pause" : "Train";
    if (last !== null) {
      const [x, y] = arrays();
      const right = network.predictClasses(x).reduce((sum, said, k) => sum + (said === y[k]), 0);
      find("plane-said").textContent = `Epoch ${network.epoch}: cost ${number(last, 3)}, ${right} of ${points.length} points right.`;
    } else if (running || !network.epoch) find("plane-said").textContent = `${points.length} points.`;
  });

  function buttons(box, names, pressed, choose) {
    const make1 = (name, k) => {
      const button = make("button", { type: "button", "aria-pressed": String(k === pressed) }, name);
      button.addEventListener("click", () => {
        [...box.children].forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
        choose(name, k);
      });
      return button;
    };
    box.replaceChildren(...names.map(make1));
  }
  buttons(find("shapes"), [...Object.keys(SHAPES), "None"], Object.keys(SHAPES).indexOf(shape), (name) => {
    shape = name;
    points = name === "None" ? [] : pointsOf(name);
    anew();
  });
  buttons(find("colour"), ["Add red points", "Add blue points"], 1, (_, k) => (label = k));

  function add(x, y) {
    points.push({ x, y, label });
    draw();
  }
  const canvas = find("points");
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    add(((event.clientX - box.left) / box.width) * 2 - 1, ((event.clientY - box.top) / box.height) * 2 - 1);
  });
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowRight: [0.05, 0], ArrowLeft: [-0.05, 0], ArrowDown: [0, 0.05], ArrowUp: [0, -0.05] };
    const step = steps[event.key];
    if (!step && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    cursor ??= [0, 0];
    if (step) cursor = cursor.map((value, k) => Math.min(Math.max(value + step[k], -1), 1));
    else add(...cursor);
    draw();
  });
  find("plane-go").addEventListener("click", () => {
    running = !running && points.length > 0;
    draw();
    learn();
  });
  find("plane-anew").addEventListener("click", anew);
  for (const name of ["plane-hidden", "plane-activation"]) find(name).addEventListener("change", anew);
  onColours(draw);
  new ResizeObserver(draw).observe(canvas);
  anew();
  return {
    draw() {
      draw();
      learn();
    },
  };
}
