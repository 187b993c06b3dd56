import assert from "node:assert/strict";
import test from "node:test";
import { corners, exclusiveOr, nncore, numbers, refuses } from "./helpers.mjs";

const { Network } = nncore;
const close = (a, b, tolerance) =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${a} is not ${b}`);
const problem = (options) => new Network([2, 4, 1], { cost: "cross_entropy", seed: 1, ...options });

test("exclusive or is learnt, and told epoch by epoch", () => {
  const net = problem({ activation: "tanh" });
  const seen = [];
  const history = net.fit(corners, exclusiveOr, {
    epochs: 300, batchSize: 4, learningRate: 2, validationData: [corners, exclusiveOr],
    onEpoch: (epoch) => void seen.push(epoch),
  });
  assert.deepEqual([...net.predictClasses(corners)], exclusiveOr);
  assert.equal(net.evaluate(corners, exclusiveOr).accuracy, 1);
  assert.equal(net.epoch, 300);
  assert.deepEqual(history.epochs, Array.from({ length: 300 }, (_, i) => i));
  assert.deepEqual(seen.map(({ cost }) => cost), history.cost);
  assert.equal(history.validationAccuracy.at(-1), 1);
  assert.ok(history.validationCost.at(-1) < history.validationCost[0]);
  assert.ok(history.learningRate.every((rate) => rate === 2));
});

test("onEpoch ends training, and sees the network as it is", () => {
  const net = problem();
  const history = net.fit(corners, exclusiveOr, {
    onEpoch: ({ epoch }) => {
      assert.equal(net.epoch, epoch + 1);
      return epoch < 2;
    },
  });
  assert.deepEqual(history.epochs, [0, 1, 2]);
  assert.throws(() => net.fit(corners, exclusiveOr, {
    onEpoch() {
      throw new Error("mine");
    },
  }), /mine/);
  assert.equal(net.epoch, 4);
});

test("what a network is can be asked, and parameters set", () => {
  const net = new Network([3, 4, 2], {
    activation: ["relu"], outputActivation: "softmax", cost: "log_likelihood", seed: 2n ** 63n,
  });
  assert.deepEqual(net.sizes, [3, 4, 2]);
  assert.deepEqual(net.layerActivations, ["relu", "softmax"]);
  assert.equal(net.cost, "log_likelihood");
  assert.equal(net.dtype, "float32");
  assert.equal(net.seed, 2n ** 63n);
  assert.equal(net.weights(0).length, 12);
  net.setWeights(1, [1, 2, 3, 4, 5, 6, 7, 8]);
  net.setBiases(1, Float32Array.of(0.5, -0.5));
  assert.deepEqual([...net.weights(1)], [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual([...net.biases(1)], [0.5, -0.5]);
  net.epoch = 12;
  assert.equal(net.epoch, 12);
  assert.match(nncore.version, /^\d+\.\d+\.\d+$/);
  assert.ok(nncore.names.activations.includes("gelu"));
  assert.ok(nncore.names.schedules.includes("cosine"));
});

test("rows come in every form, with the same outputs", () => {
  const net = new Network([2, 3, 2], { seed: 4 });
  const expected = [...net.predict(Float32Array.of(0, 1, 255, 3))];
  for (const x of [
    [0, 1, 255, 3], [[0, 1], [255, 3]], [Float32Array.of(0, 1), Uint8Array.of(255, 3)],
    Float64Array.of(0, 1, 255, 3), Uint8Array.of(0, 1, 255, 3), Int32Array.of(0, 1, 255, 3),
    { data: Uint8Array.of(0, 1, 255, 3) },
  ]) {
    assert.deepEqual([...net.predict(x)], expected);
  }
  const scaled = { data: Uint8Array.of(0, 1, 255, 3), scale: 2, offset: 1 };
  assert.deepEqual([...net.predict(scaled)], [...net.predict([1, 3, 511, 7])]);
  assert.equal(net.predict([]).length, 0);
});

test("a layer's activations come from its weighted inputs, and those from the layer below", () => {
  const net = new Network([784, 30, 10], { activation: "relu", outputActivation: "linear", seed: 3 });
  const x = numbers(5, 3 * 784);
  const a = net.activations(x);
  const z = net.weightedInputs(x);
  assert.deepEqual(a.map(({ length }) => length), [90, 30]);
  assert.deepEqual(a[0], z[0].map((v) => Math.max(v, 0)));
  assert.deepEqual(a[1], z[1]);
  assert.deepEqual(a[1], net.predict(x));
  const [w, b] = [net.weights(0), net.biases(0)];
  for (let unit = 0; unit < 30; ++unit) {
    let sum = b[unit];
    for (let i = 0; i < 784; ++i) sum += w[unit * 784 + i] * x[784 + i];
    close(z[0][30 + unit], sum, 1e-4);
  }
});

test("gradients are those of the cost, and deltas those of each row", () => {
  const net = new Network([2, 3, 2], { seed: 6 });
  const x = [[0.1, 0.9], [0.7, -0.4], [0.3, 0.2]];
  const y = Int32Array.of(0, 1, 1);
  const found = net.backprop(x, y, { l2: 0.5 });
  const cost = () => {
    let squares = 0;
    for (const layer of [0, 1]) for (const w of net.weights(layer)) squares += w * w;
    return net.evaluate(x, y).cost + (0.5 / (2 * 3)) * squares;
  };
  close(found.cost, cost(), 1e-6);
  for (const layer of [0, 1]) {
    const w = net.weights(layer);
    w.forEach((value, i) => {
      const moved = (by) => {
        net.setWeights(layer, w.with(i, value + by));
        return cost();
      };
      close(found.weights[layer][i], (moved(1e-2) - moved(-1e-2)) / 2e-2, 1e-3);
    });
    net.setWeights(layer, w);
    const size = net.sizes[layer + 1];
    found.biases[layer].forEach((b, unit) => {
      let mean = 0;
      for (let row = 0; row < 3; ++row) mean += found.deltas[layer][row * size + unit] / 3;
      close(mean, b, 1e-7);
    });
  }
});

test("a snapshot brings the same bits back, the optimiser's memory too", () => {
  for (const optimizer of ["sgd", "adam", "nesterov", "adagrad"]) {
    const net = problem({ activation: "relu" });
    const options = { optimizer, epochs: 3, batchSize: 2, dropout: 0.2, l2: 0.01 };
    const fresh = net.snapshot();
    net.fit(corners, exclusiveOr, options);
    const state = net.snapshot();
    net.fit(corners, exclusiveOr, options);
    net.step(corners, exclusiveOr, { optimizer, learningRate: 0.5 });
    const later = net.snapshot();
    net.restore(state);
    assert.equal(net.epoch, 3);
    assert.deepEqual(net.snapshot(), state);
    net.fit(corners, exclusiveOr, options);
    net.step(corners, exclusiveOr, { optimizer, learningRate: 0.5 });
    assert.deepEqual(net.snapshot(), later);
    net.restore(fresh);
    assert.deepEqual(net.save(), fresh);
    net.restore(later);
    assert.deepEqual(net.copy().snapshot(), later);
    assert.deepEqual(Network.load(later).save(), net.save());
  }
  const other = new Network([2, 5, 1]);
  assert.throws(() => problem().restore(other.snapshot()), /of another network, .*expected/);
});

test("onEpoch may scrub back", () => {
  const options = { optimizer: "adam", epochs: 4, batchSize: 2 };
  const straight = problem();
  straight.fit(corners, exclusiveOr, options);
  const net = problem();
  let state;
  net.fit(corners, exclusiveOr, {
    ...options, epochs: 5,
    onEpoch({ epoch }) {
      if (epoch === 1 && !state) state = net.snapshot();
      else if (epoch === 2 && state !== "used") {
        net.restore(state);
        state = "used";
      }
    },
  });
  assert.deepEqual(net.save(), straight.save());
});

test("steps follow the gradient", () => {
  const net = problem();
  const before = net.weights(0);
  const { weights, cost } = net.backprop(corners, exclusiveOr);
  assert.equal(net.step(corners, exclusiveOr, { learningRate: 0.5 }), cost);
  net.weights(0).forEach((w, i) => close(w, before[i] - 0.5 * weights[0][i], 1e-6));
  assert.equal(net.epoch, 0);
});

test("errors have the core's messages, and everything goes on", () => {
  const net = problem();
  const before = net.save();
  refuses(assert, () => new Network([2, 3, 2], { activation: "sigmod" }), "INVALID_ARGUMENT",
    /sigmod.*sigmoid, tanh/);
  refuses(assert, () => new Network([2]), "INVALID_ARGUMENT", /layer/);
  refuses(assert, () => new Network([2, 1], { cost: "log_likelihood" }), "INVALID_ARGUMENT",
    /log_likelihood/);
  refuses(assert, () => new Network([2, 2], { cost: { name: "focal", gama: 1 } }),
    "INVALID_ARGUMENT", /gama/);
  refuses(assert, () => net.predict([[1, NaN]]), "INVALID_ARGUMENT", /row 0.*column 1/i);
  refuses(assert, () => net.fit(corners, Int32Array.of(0, 1, 2, 0)), "INVALID_ARGUMENT", /label 2/);
  refuses(assert, () => net.fit(corners, exclusiveOr, { optimizer: "adan" }), "INVALID_ARGUMENT",
    /adan/);
  refuses(assert, () => net.fit(corners, exclusiveOr, { optimizer: { name: "adam", beta3: 1 } }),
    "INVALID_ARGUMENT", /beta3.*beta_1/);
  refuses(assert, () => net.fit(corners, exclusiveOr, { l2: -1 }), "INVALID_ARGUMENT", /l2/);
  refuses(assert, () => net.setWeights(0, [1, 2]), "INVALID_ARGUMENT", /2/);
  refuses(assert, () => Network.load(Uint8Array.of(1, 2, 3)), "FILE_ERROR", /too short/);
  refuses(assert, () => Network.load(before.slice(0, -4)), "FILE_ERROR", /bytes/);
  refuses(assert, () => new Network([1e6, 1e6, 10]), "INVALID_ARGUMENT",
    /does not fit into memory/);
  assert.throws(() => new Network("2, 3"), /sizes must be an array, got "2, 3"/);
  assert.throws(() => new Network([2, 1.5]), /whole number.*got 1.5/);
  assert.throws(() => new Network([2, 2, 1], { seed: -1 }), /seed/);
  assert.throws(() => new Network([2, 1], { dtype: "float64" }), /dtype must be float32, got/);
  assert.throws(() => new Network([2, 1], { units: 3 }), /no option units; expected activation/);
  assert.throws(() => net.predict([1, 2, 3]), /x has 3 numbers; expected a multiple of 2/);
  assert.throws(() => net.predict([[1, 2], [3]]), /row 1 of x has 1 numbers; expected 2/);
  assert.throws(() => net.predict(["a", "b"]), /row 0 of x has 1 numbers; expected 2/);
  assert.throws(() => net.weights(2), /layer must be a whole number from 0 to 1, got 2/);
  assert.throws(() => net.fit(corners, exclusiveOr, { epoch: 3 }), /no option epoch/);
  assert.deepEqual(net.save(), before);
  net.fit(corners, exclusiveOr, { epochs: 1 });
  net.close();
  refuses(assert, () => net.predict(corners), "INVALID_ARGUMENT", /was closed/);
});

test("what diverges is taken back", () => {
  const net = new Network([1, 1], { outputActivation: "linear", seed: 1 });
  const before = net.weights(0);
  refuses(assert, () => net.fit([[1e3], [2e3]], Float32Array.of(1, 2), {
    learningRate: 1e30, epochs: 5, batchSize: 1,
  }), "DIVERGED", /finite/);
  assert.deepEqual(net.weights(0), before);
  assert.equal(net.step([[1]], Float32Array.of(1), { learningRate: 0 }) >= 0, true);
});

test("schedules and regression", () => {
  const rate = nncore.learningRate({ name: "cosine", rate: 0.5, epochs: 3 }, 1);
  assert.equal(rate, 0.25);
  assert.throws(() => nncore.learningRate({ name: "cosine", rate: 0.5 }, 1), /epochs/);
  const net = new Network([1, 2], { cost: { name: "pinball", quantiles: [0.25, 0.75] } });
  const { learningRate } = net.fit([[0], [1]], [2, 4], {
    epochs: 3, learningRate: { name: "step", rate: 0.5, factor: 0.5, every: 1 },
  });
  assert.deepEqual(learningRate, [0.5, 0.25, 0.125]);
  const { cost, accuracy } = net.evaluate([[0], [1]], [2, 4]);
  assert.ok(cost > 0);
  assert.equal(accuracy, null);
});
