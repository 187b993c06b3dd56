// The book's network, 784-30-10 in mini-batches of 10, in Node: nncore beside TensorFlow.js and
// brain.js, each on one thread, in one run. Slow ones see fewer of the images; times are for an
// epoch of 50,000. Beside them the native library, with the kernels that have the same bits.
//
//   web/build && cd bench/web && npm install --ignore-scripts && NNCORE_DATA=... node bench.mjs
//
// NNCORE_DATA is a folder with MNIST's files; without it, images are drawn at random, of which a
// fifth of the pixels is ink. PYTHON is a Python that has nncore (python3).
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { instantiate } from "../../web/nncore.js";

const all = 50_000;
const data = process.env.NNCORE_DATA;
const idx = (name, header) => gunzipSync(readFileSync(`${data}/${name}.gz`)).subarray(header);

function images() {
  if (data && existsSync(`${data}/train-images-idx3-ubyte.gz`)) {
    const pixels = idx("train-images-idx3-ubyte", 16).subarray(0, 784 * all);
    return [Float32Array.from(pixels, (p) => p / 255), idx("train-labels-idx1-ubyte", 8).slice(0, all)];
  }
  let state = 1;
  const drawn = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return [
    Float32Array.from({ length: 784 * all }, () => (drawn() < 0.2 ? drawn() : 0)),
    Uint8Array.from({ length: all }, () => drawn() * 10),
  ];
}
const [x, labels] = images();
const oneHot = (rows) =>
  Float32Array.from({ length: 10 * rows }, (_, i) => Number(labels[Math.floor(i / 10)] === i % 10));

const seconds = async (run) => {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
};
const best = (list) => Math.min(...list);
const results = [];
const report = (name, rows, time) => {
  results.push([name, (time * all) / rows]);
  console.log(`${name.padEnd(28)} ${((time * all) / rows).toFixed(3).padStart(9)} s an epoch` +
    (rows < all ? `  (measured on ${rows} images)` : ""));
};

async function nncoreTimes() {
  const nncore = await instantiate();
  const net = new nncore.Network([784, 30, 10], { seed: 1 });
  const times = [];
  let start = performance.now();
  net.fit(x, labels, {
    epochs: 6, batchSize: 10, learningRate: 3,
    onEpoch() {
      times.push((performance.now() - start) / 1000);
      start = performance.now();
    },
  });
  report("nncore (WebAssembly)", all, best(times.slice(1)));
}

function nativeTimes() {
  const program = `
import sys, time
import numpy as np, nncore
data = sys.stdin.buffer.read()
x = np.frombuffer(data, np.float32, ${all} * 784).reshape(-1, 784)
y = np.frombuffer(data, np.uint8, offset=x.nbytes).astype(int)
net = nncore.Network([784, 30, 10], seed=1)
history = net.fit(x, y, 6, 10, 3.0, n_threads=1, progress=False)
print(min(history["seconds"][1:]))`;
  try {
    const input = Buffer.concat([Buffer.from(x.buffer), labels]);
    const env = { ...process.env, NNCORE_ISA: "baseline" };
    const python = process.env.PYTHON ?? "python3";
    report("nncore (native, baseline)", all,
      Number(execFileSync(python, ["-c", program], { input, env })));
  } catch (error) {
    console.log(`nncore (native) left out: ${String(error.message).split("\n")[0]}`);
  }
}

async function tensorflowTimes(backend, rows) {
  const tf = await import("@tensorflow/tfjs");
  if (backend === "wasm") {
    const { setWasmPaths, setThreadsCount } = await import("@tensorflow/tfjs-backend-wasm");
    setThreadsCount(1);
    setWasmPaths(new URL("node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url).pathname);
  }
  await tf.setBackend(backend);
  const model = tf.sequential();
  model.add(tf.layers.dense({ units: 30, activation: "sigmoid", inputShape: [784] }));
  model.add(tf.layers.dense({ units: 10, activation: "sigmoid" }));
  model.compile({ optimizer: tf.train.sgd(0.3), loss: "meanSquaredError" });
  const xs = tf.tensor2d(x.subarray(0, 784 * rows), [rows, 784]);
  const ys = tf.tensor2d(oneHot(rows), [rows, 10]);
  const fit = () => model.fit(xs, ys, { epochs: 1, batchSize: 10, shuffle: true, yieldEvery: "never" });
  await fit();
  report(`TensorFlow.js (${backend})`, rows, best([await seconds(fit), await seconds(fit)]));
}

async function brainTimes(rows) {
  const targets = oneHot(rows);
  const { NeuralNetwork } = (await import("brain.js")).default;
  const examples = Array.from({ length: rows }, (_, i) => ({
    input: x.subarray(784 * i, 784 * (i + 1)),
    output: [...targets.subarray(10 * i, 10 * (i + 1))],
  }));
  const net = new NeuralNetwork({ inputSize: 784, hiddenLayers: [30], outputSize: 10 });
  const options = { iterations: 1, learningRate: 0.3, errorThresh: 1e-9 };
  report("brain.js (one row a step)", rows, await seconds(() => net.train(examples, options)));
}

await nncoreTimes();
nativeTimes();
for (const [name, run] of [
  ["TensorFlow.js (wasm)", () => tensorflowTimes("wasm", 5_000)],
  ["TensorFlow.js (cpu)", () => tensorflowTimes("cpu", 1_000)],
  ["brain.js", () => brainTimes(1_000)],
]) {
  try {
    await run();
  } catch (error) {
    console.log(`${name} left out: ${String(error.message).split("\n")[0]}`);
  }
}
console.log();
for (const [name, time] of results.slice(1)) {
  console.log(`${name.padEnd(28)} ${(time / results[0][1]).toFixed(2).padStart(9)} times nncore's`);
}
