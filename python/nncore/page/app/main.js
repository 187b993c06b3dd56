// Starts the page: unpacks the core and the networks, and joins what is drawn to what is shown.

import { instantiate } from "./nncore.js";
import { createAnswer } from "./answer.js";
import { find, onNextFrame } from "./dom.js";
import { createFlow } from "./flow.js";
import { parted, unpackDigits } from "./data.js";
import { createBreak } from "./break.js";
import { createInside } from "./inside.js";
import { createModel } from "./model.js";
import { createPad } from "./pad.js";
import { createPlane } from "./plane.js";
import { createTabs } from "./tabs.js";
import { createTeach } from "./teach.js";
import { createTrain } from "./train.js";
import { watchTheme } from "./theme.js";

export async function start({ unpack, urls, facts }) {
  watchTheme();
  const names = ["nncore.wasm", "model", "likeness"];
  const [wasm, trained, likely] = await Promise.all(names.map(unpack));
  const core = await instantiate(wasm);
  const model = createModel(core.Network.load(trained), core.Network.load(likely));
  const flow = createFlow(model);
  const answer = createAnswer(model);
  createInside(model);

  let busy = 0; // how long the last reading took
  let due = null;
  const read = () => {
    const began = performance.now();
    model.read(pad.sheet());
    busy = performance.now() - began;
  };
  const soon = onNextFrame(read);
  const pad = createPad((drawing) => {
    clearTimeout(due);
    // A slow device reads between strokes only, and lines stay smooth.
    if (!drawing || busy < 6) soon();
    else due = setTimeout(read, 120);
  });
  const teach = createTeach(model, flow, answer, () => {
    read();
    return model.reading;
  });

  const digits = unpackDigits(await unpack("digits"));
  const first = model.network;
  const use = (network) => {
    find("about").textContent =
      network === first
        ? facts.about
        : `${network.sizes.join("\u2013")} units, trained from nothing on this page.`;
    if (model.network !== first) model.network.close();
    find("original-row").hidden = network === first;
    teach.reset();
    model.replace(network);
    read();
    tabs.open("draw");
  };
  find("original").addEventListener("click", () => use(first));
  const train = createTrain({ core, digits, facts, urls, wasm, adopt: use });
  const panels = {
    draw: flow,
    train,
    break: createBreak(model, parted(digits).held),
    plane: createPlane(core),
  };
  const tabs = createTabs((name) => panels[name].draw(), { train: train.address });
  document.documentElement.dataset.ready = "yes";
}
