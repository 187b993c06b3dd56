// Training from nothing: settings, curves, weights as they form, and the way through the epochs.

import { colours, onColours } from "./colours.js";
import { TableError, parted, readTable } from "./data.js";
import { find, number, onNextFrame, percent } from "./dom.js";
import { drawForming } from "./forming.js";
import { fingerprint } from "./model.js";
import { drawCurves } from "./plots.js";
import { asSettings, fromAddress, pythonCode, toAddress } from "./settings.js";

const FIELDS = ["data", "hidden", "rate", "epochs", "batch", "cost", "seed"];
const PACE = 45; // milliseconds that an epoch is shown at least, while it trains

export function createTrain({ core, digits, facts, urls, wasm, adopt }) {
  let settings = fromAddress(location.hash);
  let table = null; // a file of one's own: { file, ...rows }
  let epochs = []; // what the worker told of each
  let shown = 0;
  let worker = null;
  let ran = null; // { settings, data } of the epochs

  const data = () =>
    settings.data === "csv" && table
      ? table
      : { ...digits, source: facts.source, count: facts.digits };
  const sizes = ({ inputs, classes }) => [inputs, settings.hidden, classes];

  function fill() {
    for (const name of FIELDS) find(`set-${name}`).value = settings[name];
    changed();
  }

  function changed() {
    find("csv-field").hidden = settings.data !== "csv";
    const used = data();
    find("code").textContent = pythonCode(settings, { ...used, sizes: sizes(used) });
    find("go").disabled = worker !== null || (settings.data === "csv" && !table);
    find("halt").disabled = worker === null;
  }

  find("settings").addEventListener("input", (event) => {
    if (event.target === find("csv")) return;
    const given = Object.fromEntries(FIELDS.map((name) => [name, find(`set-${name}`).value]));
    settings = asSettings(given);
    if (!find("train").hidden) history.replaceState(null, "", toAddress(settings));
    changed();
  });
  find("csv").addEventListener("change", async () => {
    const [file] = find("csv").files;
    if (!file) return;
    try {
      table = { file: file.name, ...readTable(await file.text()) };
      say(`${file.name}: ${table.rows} rows, ${table.inputs} inputs, ${table.classes} classes.`);
    } catch (error) {
      if (!(error instanceof TableError)) throw error;
      table = null;
      say(`${file.name}: ${error.message}`);
    }
    changed();
  });

  const say = (text) => (find("train-said").textContent = text);

  find("settings").addEventListener("submit", (event) => {
    event.preventDefault();
    fill(); // what could not be read shows as what is used instead
    const used = data();
    ran = { settings: { ...settings }, sizes: sizes(used), digits: used.file === undefined };
    epochs = [];
    shown = 0;
    worker = new Worker(urls["worker.js"], { type: "module" });
    worker.onmessage = ({ data: told }) => {
      if (told.fault) finish(`It stopped: ${told.fault}`);
      else if (told.done) finish(null);
      else epochs.push(told);
    };
    worker.onerror = (event) => finish(`It stopped: ${event.message}`);
    worker.postMessage({ wasm, settings, sizes: ran.sizes, ...parted(used) });
    say("Training \u2026");
    changed();
    play();
  });
  find("halt").addEventListener("click", () => finish("Stopped."));

  function finish(text) {
    worker?.terminate();
    worker = null;
    if (text) say(text);
    else say(`Done: ${percent(epochs.at(-1).validationAccuracy)} of the rows that it never saw.`);
    changed();
  }

  /** Shows epoch after epoch, until the last one that there is. */
  let played = 0;
  function play(time = 0) {
    if (shown + 1 < epochs.length && time - played >= PACE) {
      played = time;
      show(shown + 1);
    } else if (shown === 0 && epochs.length) show(0);
    if (worker || shown + 1 < epochs.length) requestAnimationFrame(play);
  }

  function show(epoch) {
    shown = epoch;
    const scrub = find("scrub");
    scrub.max = String(epochs.length - 1);
    scrub.disabled = epochs.length < 2;
    scrub.value = String(epoch);
    draw();
  }
  find("scrub").addEventListener("input", () => show(Number(find("scrub").value)));

  /** The network of an epoch, to the bit; the caller closes it. */
  function networkOf(epoch) {
    const network = new core.Network(ran.sizes, { cost: ran.settings.cost, seed: ran.settings.seed });
    network.restore(epochs[epoch].snapshot);
    return network;
  }

  const draw = onNextFrame(() => {
    if (find("train").hidden) return;
    const { plus, minus } = colours();
    const column = (name) => epochs.slice(0, shown + 1).map((each) => each[name]);
    const total = ran?.settings.epochs ?? settings.epochs;
    const costs = epochs.flatMap(({ cost, validationCost }) => [cost, validationCost]);
    drawCurves(
      find("plot-cost"),
      [
        { values: column("cost"), colour: plus, name: "trained on" },
        { values: column("validationCost"), colour: minus, name: "never seen" },
      ],
      {
        epochs: total, at: epochs.length ? shown : null, low: 0,
        high: costs.length ? Math.min(Math.max(...costs), 6) : 1, format: (value) => number(value, 2),
      },
    );
    drawCurves(find("plot-accuracy"), [{ values: column("validationAccuracy"), colour: minus }], {
      epochs: total, at: epochs.length ? shown : null, low: 0, high: 1,
      format: (value) => `${Math.round(100 * value)} %`,
    });
    const now = epochs[shown];
    find("adopt").disabled = !now || !ran.digits;
    drawForming(find("forming"), now?.weights, ran?.sizes ?? sizes(data()));
    if (!now) return;
    const accuracy = percent(now.validationAccuracy);
    find("scrub-said").textContent = `Epoch ${now.epoch} of ${total}: cost ${number(now.cost, 4)}, ${accuracy} read rightly`;
    find("scrub").setAttribute("aria-valuetext", `epoch ${now.epoch}, ${accuracy}`);
    const network = networkOf(shown);
    find("train-bits").textContent = `weights ${fingerprint(network)}`;
    network.close();
  });

  find("adopt").addEventListener("click", () => adopt(networkOf(shown)));
  find("copy-code").addEventListener("click", (event) => copy(event.target, find("code").textContent));
  find("copy-link").addEventListener("click", (event) => {
    copy(event.target, location.href.split("#")[0] + toAddress(settings));
  });
  async function copy(button, text) {
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it and copy";
    }
    setTimeout(() => (button.textContent = label), 1600);
  }

  onColours(draw);
  new ResizeObserver(draw).observe(find("train"));
  addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#train?")) return;
    settings = fromAddress(location.hash);
    fill();
  });
  fill();
  return { draw, address: () => toAddress(settings) };
}

