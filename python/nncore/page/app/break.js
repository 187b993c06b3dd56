// Breaking a network: units off, noise in what it sees and in what it knows.

import { inkImage, onColours } from "./colours.js";
import { find, make, onNextFrame, percent } from "./dom.js";
import { drawForming } from "./forming.js";
import { FIELD } from "./image.js";
import { unitAt } from "./layout.js";
import { randoms } from "./randoms.js";

const MEASURED = 500;
const SAMPLES = 20;

export function createBreak(model, held) {
  const [x, y] = [held[0].subarray(0, MEASURED * FIELD * FIELD), held[1].subarray(0, MEASURED)];
  const normal = randoms(3);
  const grain = Float32Array.from(x, () => normal());
  let off = new Set();
  let order = []; // in which the slider switches units off
  let shake = [];
  let places = [];
  let chosen = null;

  function reset() {
    const units = model.network.sizes.length > 2 ? model.network.sizes[1] : 0;
    const some = randoms(5);
    order = Array.from({ length: units }, (_, unit) => [some(), unit]).sort((a, b) => a[0] - b[0]);
    shake = model.network.sizes.slice(1).map((_, layer) =>
      Float32Array.from(model.network.weights(layer), () => some()),
    );
    mend();
  }
  function mend() {
    off = new Set();
    find("off").max = String(order.length);
    for (const name of ["off", "noise", "shake"]) find(name).value = "0";
    find("broken").setAttribute("aria-valuemax", String(order.length));
    draw();
  }

  /** The network as it is broken now; the caller closes it. */
  function broken() {
    const network = model.network.copy();
    const strength = Number(find("shake").value) / 100;
    shake.forEach((noise, layer) => {
      const weights = network.weights(layer);
      const spread = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
      const inputs = network.sizes[layer];
      for (let k = 0; k < weights.length; k++) {
        if (layer === 1 && off.has(k % inputs)) weights[k] = 0; // nobody hears what is off
        else weights[k] += 2 * strength * spread * noise[k];
      }
      network.setWeights(layer, weights);
    });
    return network;
  }

  const draw = onNextFrame(() => {
    if (find("break").hidden) return;
    const noise = Number(find("noise").value) / 100;
    const seen = noise
      ? x.map((level, k) => Math.min(Math.max(level + noise * grain[k], 0), 1))
      : x;
    const network = broken();
    const said = network.predictClasses(seen);
    network.close();
    const right = said.reduce((sum, label, k) => sum + (label === y[k]), 0);
    find("survives").textContent = percent(right / y.length);
    find("survives-of").textContent = `of ${y.length} digits read rightly`;
    find("off-said").textContent = `Units off: ${off.size} of ${order.length}`;
    find("noise-said").textContent = `Noise in the pixels: ${find("noise").value} %`;
    find("shake-said").textContent = `Noise in the weights: ${find("shake").value} %`;
    find("off").value = String(off.size);
    places = drawForming(find("broken"), model.network.weights(0), model.network.sizes, off, chosen);
    const figures = Array.from({ length: Math.min(SAMPLES, y.length) }, (_, k) => {
      const canvas = inkImage(seen.subarray(k * FIELD * FIELD, (k + 1) * FIELD * FIELD), FIELD);
      const wrong = said[k] !== y[k];
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `a ${y[k]}`);
      const label = make("span", { className: wrong ? "wrong" : "" }, String(said[k]));
      return make("figure", { title: wrong ? `it is a ${y[k]}` : "" }, canvas, label);
    });
    find("samples").replaceChildren(...figures);
  });

  function toggle(unit) {
    if (!off.delete(unit)) off.add(unit);
    chosen = unit;
    const canvas = find("broken");
    canvas.setAttribute("aria-valuenow", String(unit + 1));
    canvas.setAttribute("aria-valuetext", `unit ${unit + 1} is ${off.has(unit) ? "off" : "on"}`);
    draw();
  }
  find("off").addEventListener("input", () => {
    off = new Set(order.slice(0, Number(find("off").value)).map(([, unit]) => unit));
    draw();
  });
  for (const name of ["noise", "shake"]) find(name).addEventListener("input", draw);
  find("mend").addEventListener("click", mend);
  find("broken").addEventListener("click", (event) => {
    const box = find("broken").getBoundingClientRect();
    const tile = unitAt(places, event.clientX - box.left, event.clientY - box.top);
    if (tile) toggle(tile.unit);
  });
  find("broken").addEventListener("keydown", (event) => {
    const columns = places[0]?.columns ?? 1;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step === undefined && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (step === undefined) return toggle(chosen ?? 0);
    chosen = Math.min(Math.max((chosen ?? -step) + step, 0), order.length - 1);
    find("broken").setAttribute("aria-valuenow", String(chosen + 1));
    const state = off.has(chosen) ? "off" : "on";
    find("broken").setAttribute("aria-valuetext", `unit ${chosen + 1} is ${state}`);
    draw();
  });
  model.on((what) => {
    if (what === "network") reset();
  });
  onColours(draw);
  new ResizeObserver(draw).observe(find("break"));
  reset();
  return { draw };
}
