// Trains beside the page, which stays responsive: an epoch a message.

import { instantiate } from "./nncore.js";

addEventListener("message", async ({ data }) => {
  try {
    const { Network } = await instantiate(data.wasm);
    const { settings, sizes, train, held } = data;
    const network = new Network(sizes, { cost: settings.cost, seed: settings.seed });
    const tell = (record) => postMessage({ ...record, snapshot: network.snapshot(), weights: network.weights(0) });
    tell({ epoch: 0, ...named(network.evaluate(...held)), cost: network.evaluate(...train).cost });
    network.fit(...train, {
      epochs: settings.epochs,
      batchSize: settings.batch,
      learningRate: settings.rate,
      validationData: held,
      onEpoch: ({ epoch, cost, validationCost, validationAccuracy }) =>
        tell({ epoch: epoch + 1, cost, validationCost, validationAccuracy }),
    });
    postMessage({ done: true });
  } catch (error) {
    postMessage({ fault: error.message });
  }
});

const named = ({ cost, accuracy }) => ({ validationCost: cost, validationAccuracy: accuracy });
