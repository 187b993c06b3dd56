// What the network says: ten bars, the number that was read, and where the row was cut.

import { colours, css, inkImage, onColours } from "./colours.js";
import { find, fitted, make, number, percent } from "./dom.js";

export function createAnswer(model) {
  const bars = find("bars");
  let marks = null; // what a lesson shows at the outputs instead of them

  function build() {
    const last = model.network.sizes.length - 2;
    const buttons = Array.from({ length: model.network.sizes.at(-1) }, (_, unit) => {
      const button = make("button", { type: "button" }, make("b", {}, String(unit)));
      button.append(make("i"), make("small"));
      const choose = () => model.choose({ layer: last, unit });
      button.addEventListener("click", choose);
      button.addEventListener("pointerenter", (event) => {
        if (event.pointerType === "mouse") choose();
      });
      return button;
    });
    bars.replaceChildren(...buttons.map((button) => make("li", {}, button)));
  }

  function show() {
    const last = model.network.sizes.length - 2;
    const outputs = model.a ? model.outputs(model.input) : null;
    const best = outputs && model.reading.number ? outputs.indexOf(Math.max(...outputs)) : -1;
    [...bars.children].forEach((item, unit) => {
      const button = item.firstChild;
      const value = outputs ? outputs[unit] : 0;
      button.style.setProperty("--a", value.toFixed(4));
      button.classList.toggle("best", unit === best);
      const chosen = model.unit?.layer === last && model.unit.unit === unit;
      button.classList.toggle("chosen", chosen);
      const mark = marks?.[unit];
      button.dataset.sign = mark === undefined ? "" : mark < 0 ? "-" : "+";
      button.lastChild.textContent =
        mark !== undefined ? number(mark) : outputs ? number(value) : "";
    });
    showNumber();
    showCuts();
  }

  function showNumber() {
    const { number: read, digits, ink } = model.reading;
    const box = find("number");
    if (box.dataset.shown !== `${read} ${model.selected}`) {
      box.dataset.shown = `${read} ${model.selected}`;
      box.replaceChildren(
        ...(digits.length < 2
          ? [read]
          : digits.map(({ digit, confidence }, k) => {
              const pressed = String(k === model.selected);
              const title = percent(confidence);
              const button = make("button", { "aria-pressed": pressed, title }, String(digit));
              button.addEventListener("click", () => model.select(k));
              return button;
            })),
      );
    }
    find("verdict").textContent = verdict(model.reading);
    find("said").textContent = !ink
      ? "Nothing drawn, nothing claimed"
      : read
        ? "What the outputs say of this digit"
        : "Nothing like a digit: nothing claimed";
    find("pad").setAttribute(
      "aria-label",
      `Sheet to draw on, with mouse, pen or finger. ${!ink ? "It is empty." : `It shows ${read || "no digit"}.`}`,
    );
  }

  function showCuts() {
    const canvas = find("cuts");
    const { row, digits } = model.reading;
    canvas.hidden = digits.length < 2;
    if (canvas.hidden) return;
    const { context, width, height } = fitted(canvas);
    const scale = Math.min(height / row.ink.height, width / row.ink.width);
    context.translate((width - scale * row.ink.width) / 2, 0);
    context.drawImage(
      inkImage(row.ink.data, row.ink.width), 0, 0, scale * row.ink.width, scale * row.ink.height,
    );
    context.strokeStyle = css(colours().minus);
    context.lineWidth = 1.6;
    for (const { last } of digits.slice(0, -1)) {
      context.beginPath();
      row.cuts[last].columns.forEach((x, y) => {
        context.lineTo(scale * x, scale * y);
        context.lineTo(scale * x, scale * (y + 1));
      });
      context.stroke();
    }
  }

  model.on((what) => {
    if (what === "network" && bars.children.length !== model.network.sizes.at(-1)) build();
    show();
  });
  onColours(show);
  build();
  show();
  return {
    /** Numbers to show beside the outputs, null for the outputs themselves. */
    mark(numbers) {
      marks = numbers;
      show();
    },
  };
}

function verdict({ number: read, digits, ink }) {
  if (!ink) return "Draw with mouse, pen or finger.";
  if (!read) return "No digit that it knows. Draw on, or teach it below.";
  if (digits.length > 1) {
    return `${digits.length} digits: choose one.`;
  }
  const { outputs, confidence, digit } = digits[0];
  const rest = [...outputs.keys()].filter((k) => k !== digit);
  const second = rest.reduce((a, b) => (outputs[a] >= outputs[b] ? a : b));
  const doubt = confidence < 0.7 ? "It wavers: " : "";
  return `${doubt}${percent(confidence)}, then ${second} with ${percent(outputs[second])}.`;
}
