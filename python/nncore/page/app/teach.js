// "It was a 7": the error flowing back, the four equations with this digit's numbers, some steps,
// and the way back to the same bits.

import { signedImage } from "./colours.js";
import { calm, find, make } from "./dom.js";
import { FIELD } from "./image.js";
import { equations } from "./equations.js";
import { fingerprint } from "./model.js";

const PHASE = 2400; // milliseconds
const MOST_STEPS = 60;
const RATES = [0.05, 0.1, 0.2, 0.5, 1, 2]; // one after the other, ten steps each

export function createTeach(model, flow, answer, reread) {
  const undone = []; // snapshots, the latest last
  let run = null; // { skipped } of the lesson that goes on

  find("labels").replaceChildren(
    ...Array.from({ length: 10 }, (_, label) => {
      const button = make("button", { type: "button", "aria-label": `it was a ${label}` }, String(label));
      button.addEventListener("click", () => lesson(label));
      return button;
    }),
  );
  find("unteach").addEventListener("click", unteach);
  find("skip").addEventListener("click", () => {
    if (run) run.skipped = true;
  });

  function show() {
    const able = model.input !== null && run === null;
    for (const button of find("labels").children) button.disabled = !able;
    find("unteach").disabled = !undone.length || run !== null;
    find("skip").hidden = run === null;
  }

  const frame = () => new Promise((next) => requestAnimationFrame(next));

  async function lesson(label) {
    if (run || !model.input) return;
    const mine = { skipped: false };
    run = mine;
    const { network, input } = model;
    const [before, bits] = [network.snapshot(), fingerprint(network)];
    try {
      press(label);
      show();
      await explain(mine, label, input);
      if (model.network !== network) return; // another one is looked at by now
      const { steps, right } = await practise(mine, label, input, network);
      if (model.network !== network) return;
      undone.push(before);
      find("teach-text").textContent = right
        ? `After ${steps} quiet ${steps === 1 ? "step" : "steps"} it says ${label}.`
        : `After ${steps} steps it still does not say ${label}. Teach it once more.`;
      find("bits").textContent = `weights ${bits} \u2192 ${fingerprint(model.network)}`;
    } catch (error) {
      if (model.network === network) network.restore(before);
      find("teach-text").textContent = `It stopped, and is as it was: ${error.message}`;
    } finally {
      run = null;
      press(null);
      flow.teach(null);
      answer.mark(null);
      model.tell("network");
      reread();
      show();
    }
  }

  function press(label) {
    [...find("labels").children].forEach((button, k) =>
      button.setAttribute("aria-pressed", String(k === label)),
    );
  }

  /** The error of this digit, layer by layer, in slow motion. */
  async function explain(mine, label, input) {
    const { network } = model;
    const back = network.backprop(input, Uint8Array.of(label));
    const output = [...back.deltas.at(-1)];
    const list = make("ol");
    const items = equations(model, back, label).map(({ title, formula, numbers }) => {
      const line = make("div", { className: "eq" });
      line.innerHTML = formula;
      const filled = make("div", { className: "eq" });
      filled.innerHTML = numbers;
      return make("li", {}, make("p", {}, title), line, filled);
    });
    list.append(...items);
    find("lesson").replaceChildren(list);
    find("lesson").hidden = false;
    find("teach-text").textContent = `It was a ${label}. The error flows back:`;
    const most = back.deltas.map((delta) => delta.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12));
    const shown = {
      phase: 0,
      time: 0,
      label,
      deltas: back.deltas,
      images: null,
      share: (layer, unit) => Math.abs(back.deltas[layer][unit]) / most[layer],
    };
    const start = performance.now();
    for (let phase = 1; phase <= 4; phase++) {
      items.forEach((item, k) => {
        item.classList.toggle("now", k + 1 === phase);
        item.classList.toggle("done", k + 1 < phase);
      });
      if (phase === 1) answer.mark(output);
      if (phase === 4 && network.sizes[0] === FIELD * FIELD && network.sizes.length > 2) {
        shown.images = stamps(back.deltas[0], input);
      }
      shown.phase = phase;
      const end = performance.now() + (calm() ? 900 : PHASE);
      while (!mine.skipped && performance.now() < end) {
        shown.time = performance.now() - start;
        if (phase > 1) flow.teach(shown);
        await frame();
      }
    }
    for (const item of items) item.className = "done";
  }

  /** What a step adds to the weights of every unit: the digit, in the colour of the unit's error. */
  function stamps(delta, input) {
    const most = delta.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
    return Array.from(delta, (each) => signedImage(input.map((a) => -each * a), FIELD, 0.7 * most));
  }

  /** Steps until it says what it was told, a step a frame. */
  async function practise(mine, label, input, network) {
    flow.teach(null);
    answer.mark(null);
    let steps = 0;
    let right = false;
    while (steps < MOST_STEPS && !right && model.network === network) {
      const learningRate = RATES[Math.min(Math.floor(steps / 10), RATES.length - 1)];
      network.step(input, Uint8Array.of(label), { learningRate });
      steps += 1;
      const { digits } = reread();
      const seen = digits[model.selected];
      const outputs = model.outputs(input);
      const sure = outputs[label] === Math.max(...outputs) && outputs[label] > 0.6;
      right = sure && (!digits.length || seen?.digit === label);
      if (!mine.skipped) await frame();
    }
    return { steps, right };
  }

  function unteach() {
    if (run || !undone.length) return;
    const taught = fingerprint(model.network);
    model.network.restore(undone.pop());
    find("teach-text").textContent = "Undone: the same weights as before, to the last bit.";
    find("bits").textContent = `weights ${taught} \u2192 ${fingerprint(model.network)}`;
    find("lesson").hidden = true;
    model.tell("network");
    reread();
    show();
  }

  model.on((what) => {
    if (what !== "unit") show();
  });
  show();
  return {
    /** Forgets what could be undone: the network is another one. */
    reset() {
      if (run) run.skipped = true;
      undone.length = 0;
      find("lesson").hidden = true;
      find("bits").textContent = "";
      show();
    },
  };
}
