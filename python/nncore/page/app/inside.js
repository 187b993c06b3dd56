// A unit from inside: its weighted sum, term by term, as the book writes it.

import { css, inkImage, onColours, signedImage, signed } from "./colours.js";
import { find, fine, make, number } from "./dom.js";
import { FIELD } from "./image.js";
import { unitWeights } from "./model.js";
import { sumTerms } from "./terms.js";

const SHOWN = 7;

export function createInside(model) {
  /** The output that says most, where nobody has chosen a unit. */
  function said() {
    const last = model.network.sizes.length - 2;
    const a = model.reading.number ? model.a[last] : null;
    return a && { layer: last, unit: a.indexOf(Math.max(...a)) };
  }

  function show() {
    const { network } = model;
    const unit = model.unit ?? said();
    find("inside-empty").hidden = unit !== null;
    find("inside-body").hidden = unit === null;
    if (unit === null) {
      find("inside-title").textContent = "Look inside";
      return;
    }
    const layers = network.sizes.length - 1;
    const output = unit.layer === layers - 1;
    const name = output
      ? `Output ${unit.unit}`
      : `Hidden unit ${unit.unit + 1}${layers > 2 ? ` of layer ${unit.layer + 1}` : ""}`;
    find("inside-title").textContent = name;
    const weights = unitWeights(network, unit.layer, unit.unit);
    const before = unit.layer ? model.a?.[unit.layer - 1] : model.input;
    const open = find("inside-body").querySelector("details")?.open ?? false;
    find("inside-body").replaceChildren(
      ...(unit.layer === 0 && weights.length === FIELD * FIELD ? [images(weights, before)] : []),
      ...(before ? sums(model, unit, weights, before, open) : [nothing(weights)]),
    );
  }
  model.on(show);
  onColours(show);
}

const nothing = (weights) =>
  make("p", { className: "soft" }, `${weights.length} weights. Draw a digit to see what they make of it.`);

/** Its weights, what it is shown, and the product of both. */
function images(weights, input) {
  const row = make("div", { className: "thumbs" });
  const copy = (canvas, label) => {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    row.append(make("span", {}, canvas, label));
  };
  if (input) {
    copy(inkImage(input, FIELD), "drawn: a");
    row.append("\u00d7");
  }
  copy(signedImage(weights, FIELD), "weights: w");
  if (input) {
    row.append("=");
    copy(signedImage(weights.map((w, k) => w * input[k]), FIELD), "terms: w a");
  }
  return row;
}

function sums(model, { layer, unit }, weights, before, open) {
  const bias = model.network.biases(layer)[unit];
  const z = model.z[layer][unit];
  const a = model.a[layer][unit];
  const activation = model.network.layerActivations[layer];
  const above = layer + 1; // the book counts the inputs as layer 1
  const terms = sumTerms(weights, before);
  const equation = make("p", { className: "eq" });
  equation.innerHTML =
    `<i>z</i> = &sum;<sub><i>k</i></sub> <i>w</i><sub><i>jk</i></sub><sup><i>${above + 1}</i></sup> ` +
    `<i>a</i><sub><i>k</i></sub><sup><i>${above}</i></sup> + <i>b</i> = ${number(z)}<br>` +
    `<i>a</i> = ${activation === "sigmoid" ? "<i>&sigma;</i>" : activation}(<i>z</i>) = ${number(a, 3)}`;
  const name = (k) => termName(layer, k);
  const shown = terms.slice(0, SHOWN);
  const rest = terms.slice(SHOWN).reduce((sum, { value }) => sum + value, 0);
  const rows = shown.map(({ k, weight, a: input, value }) =>
    termRow(name(k), weight, input, value, shown[0].value),
  );
  if (terms.length > SHOWN) {
    rows.push(termRow(`${terms.length - SHOWN} smaller ones`, null, null, rest, shown[0].value));
  }
  rows.push(termRow("bias b", null, null, bias, shown[0]?.value ?? bias));
  const total = termRow("z", null, null, z, null);
  total.className = "sum";
  const table = make("table", { className: "terms" });
  const head = make("tr");
  for (const text of ["input", "w", "a", "w a"]) head.append(make("th", { scope: "col" }, text));
  head.append(make("td"));
  table.append(make("caption", {}, "The largest terms first"), head, ...rows, total);
  return [equation, table, ...(terms.length > SHOWN ? [everything(terms, name, open)] : [])];
}

/** All terms, built when they are asked for. */
function everything(terms, name, open) {
  const list = make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": "All terms" });
  const details = make("details", {}, make("summary", {}, `All ${terms.length} terms that are not 0`), list);
  const fill = () => {
    if (!details.open || list.firstChild) return;
    const table = make("table", { className: "terms" });
    table.append(...terms.map(({ k, weight, a, value }) => termRow(name(k), weight, a, value, terms[0].value)));
    list.append(table);
  };
  details.addEventListener("toggle", fill);
  details.open = open;
  return details;
}

const termName = (layer, k) =>
  layer === 0 ? `row ${Math.floor(k / FIELD) + 1}, column ${(k % FIELD) + 1}` : `unit ${k + 1}`;

function termRow(name, weight, a, value, most) {
  const cell = (content) => make("td", {}, content);
  const row = make("tr", {}, make("th", { scope: "row" }, name));
  row.append(
    cell(weight === null ? "" : fine(weight)),
    cell(a === null ? "" : number(a)),
    make("td", { className: value < 0 ? "neg" : "pos" }, number(value, 3)),
  );
  const bar = make("span");
  if (most !== null) {
    const share = Math.min(Math.abs(value / (most || 1)), 1);
    bar.style.cssText = `width:${(100 * share).toFixed(1)}%;background:${css(signed(value))}`;
  }
  row.append(make("td", {}, bar));
  return row;
}

