// The four equations of backpropagation with one digit's numbers, as HTML.

import { fine, number } from "./dom.js";
import { isMatched, largest, slope } from "./terms.js";

const v = (name, below = "", above = "") =>
  `<i>${name}</i>${below && `<sub>${below}</sub>`}${above && `<sup>${above}</sup>`}`;

const tinted = (value) => `<span class="${value < 0 ? "neg" : "pos"}">${fine(value)}</span>`;

/** The equations, each { title, formula, numbers }. `back` is what backprop gave for one row. */
export function equations(model, back, label) {
  const { network, input } = model;
  const last = network.sizes.length - 2;
  const list = [outputError(model, back, label, last)];
  const j = last ? largest(back.deltas[last - 1]) : label;
  if (last) list.push(hiddenError(model, back, last, j));
  const layer = last ? last - 1 : last;
  const delta = back.deltas[layer][j];
  const from = layer ? model.a[layer - 1] : input;
  const k = largest(from);
  list.push({
    title: last ? `What its bias owes, for unit ${j + 1}` : "What a bias owes",
    formula: `&part;${v("C")}/&part;${v("b", "<i>j</i>", "<i>l</i>")} = ${v("&delta;", "<i>j</i>", "<i>l</i>")}`,
    numbers: `= ${tinted(delta)}`,
  });
  list.push({
    title: layer ? `And its weight from unit ${k + 1}` : "And its weight from the darkest pixel",
    formula:
      `&part;${v("C")}/&part;${v("w", "<i>jk</i>", "<i>l</i>")} = ` +
      `${v("a", "<i>k</i>", "<i>l</i>&minus;1")} ${v("&delta;", "<i>j</i>", "<i>l</i>")}`,
    numbers: `= ${fine(from[k])} &times; ${tinted(delta)} = ${tinted(from[k] * delta)}`,
  });
  return list;
}

function outputError(model, back, label, last) {
  const { network } = model;
  const activation = network.layerActivations[last];
  const a = model.a[last][label];
  const delta = back.deltas[last][label];
  const title = `The error at output ${label}`;
  const sign = `${v("&delta;", String(label), "<i>L</i>")} = `;
  if (isMatched(network.cost, activation)) {
    return {
      title,
      formula: `${v("&delta;", "", "<i>L</i>")} = ${v("a", "", "<i>L</i>")} &minus; ${v("y")}`,
      numbers: `${sign}${number(a, 3)} &minus; 1 = ${tinted(delta)}`,
    };
  }
  const steep = slope(activation, model.z[last][label], a);
  const formula = `${v("&delta;", "", "<i>L</i>")} = &nabla;<sub><i>a</i></sub> ${v("C")} &#8857; ${v("&sigma;")}&prime;(${v("z", "", "<i>L</i>")})`;
  const filled =
    network.cost === "quadratic" && steep !== null
      ? `(${number(a, 3)} &minus; 1) &times; ${fine(steep)} = `
      : "";
  return { title, formula, numbers: `${sign}${filled}${tinted(delta)}` };
}

function hiddenError(model, back, last, j) {
  const { network } = model;
  const [count, outputs] = [network.sizes[last], network.sizes[last + 1]];
  const weights = network.weights(last);
  const terms = Array.from({ length: outputs }, (_, k) => ({
    weight: weights[k * count + j],
    delta: back.deltas[last][k],
  })).sort((p, q) => Math.abs(q.weight * q.delta) - Math.abs(p.weight * p.delta));
  const sum = terms.reduce((total, { weight, delta }) => total + weight * delta, 0);
  const delta = back.deltas[last - 1][j];
  const shown = terms
    .slice(0, 2)
    .map(({ weight, delta: d }) => `${fine(weight)} &times; ${fine(d)}`)
    .join(" + ");
  const steep = slope(network.layerActivations[last - 1], model.z[last - 1][j], model.a[last - 1][j]);
  return {
    title: `Back through the weights, to unit ${j + 1}, which moves most`,
    formula:
      `${v("&delta;", "", "<i>l</i>")} = ((${v("w", "", "<i>l</i>+1")})<sup><i>T</i></sup> ` +
      `${v("&delta;", "", "<i>l</i>+1")}) &#8857; ${v("&sigma;")}&prime;(${v("z", "", "<i>l</i>")})`,
    numbers:
      `(${shown} + &hellip;) = ${fine(sum)}` +
      `${steep === null ? "" : ` &times; ${fine(steep)}`} = ${tinted(delta)}`,
  };
}
