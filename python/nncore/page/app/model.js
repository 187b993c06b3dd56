// The network that is looked at, what it was shown, and what every unit says to that.

import { digitOutputs, readSheet } from "./rows.js";
import { mnistForm } from "./image.js";
import { findInk } from "./ink.js";

/** The CRC-32 of all weights and biases, layer by layer: zlib.crc32 in Python gives the same. */
export function fingerprint(network) {
  let sum = -1;
  for (let layer = 0; layer + 1 < network.sizes.length; layer++) {
    for (const part of [network.weights(layer), network.biases(layer)]) {
      for (const byte of new Uint8Array(part.buffer, part.byteOffset, part.byteLength)) {
        sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
      }
    }
  }
  return ((sum ^ -1) >>> 0).toString(16).padStart(8, "0");
}

const TABLE = Int32Array.from({ length: 256 }, (_, value) => {
  for (let k = 0; k < 8; k++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** Holds a network and tells its listeners of changes: "network" where its weights did, "reading"
 * where only what it is shown did, "unit" where another unit is looked at. */
export function createModel(network, likeness) {
  const listeners = [];
  const model = {
    network,
    likeness,
    reading: { number: "", digits: [], row: null, ink: false },
    selected: 0, // of the digits that were read
    input: null, // 28 x 28 numbers, or null where nothing is drawn
    a: null, // activations of every layer
    z: null, // weighted inputs
    unit: null, // { layer, unit } that is looked at
    on(listener) {
      listeners.push(listener);
    },
    tell(what) {
      for (const listener of listeners) listener(what);
    },
    read(sheet) {
      model.reading = readSheet(sheet, { digits: model.network, likeness });
      model.selected = Math.min(model.selected, Math.max(model.reading.digits.length - 1, 0));
      const all = model.reading.ink && !model.reading.number ? findInk(sheet) : null;
      model.loose = all ? mnistForm(all.ink) : null;
      model.look();
    },
    /** Shows the digit that is selected to the network again. */
    look() {
      model.input = model.reading.digits[model.selected]?.form ?? model.loose ?? null;
      model.a = model.input && model.network.activations(model.input);
      model.z = model.input && model.network.weightedInputs(model.input);
      model.tell("reading");
    },
    select(k) {
      model.selected = k;
      model.look();
    },
    choose(unit) {
      model.unit = unit;
      model.tell("unit");
    },
    replace(other) {
      model.network = other;
      model.unit = null;
      model.tell("network");
    },
    /** The outputs for an image, brought to lie between 0 and 1. */
    outputs: (form) => digitOutputs(model.network, [form])[0],
  };
  return model;
}

/** The weights of one unit. */
export function unitWeights(network, layer, unit) {
  const inputs = network.sizes[layer];
  return network.weights(layer).slice(unit * inputs, (unit + 1) * inputs);
}
