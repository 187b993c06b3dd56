// nncore in the browser and in Node: nncore.wasm's C functions as JavaScript. What there is to call
// is described in nncore.d.ts. One file, so that a page can carry it within.

/** What the core says was wrong. */
export class NncoreError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "NncoreError";
    this.code = code;
  }
}

const statuses = [
  "OK", "INVALID_ARGUMENT", "BUSY", "FILE_ERROR", "DIVERGED", "OUT_OF_MEMORY", "INTERNAL_ERROR",
];

// ---- the structures of nncore.h: their fields in order ------------------------------------------
// p: an address, z: size_t, i: int32 or int (4 bytes each); u: uint64, d: double (8 bytes each).

const inputFields =
  "dtype:i rows:z cols:z data:p stride:z values:p columns:p offsets:p nonzeros:z scale:d offset:d";
export const structures = {
  hyperparameter: "name:p value:d",
  architecture:
    "sizes:p layers:z activations:p cost:p initializer:p dtype:i seed:u " +
    "cost_hyperparameters:p cost_hyperparameter_count:z cost_list:p cost_list_count:z",
  network_info: "sizes:p layers:z activations:p cost:p dtype:i seed:u epoch:u",
  inputs: inputFields,
  samples:
    inputFields + // x
    " labels:p targets:p target_rows:z target_cols:z target_stride:z weights:p weight_count:z",
  evaluation: "cost:d accuracy:d",
  penalty: "l2:d l1:d rows:z",
  train_options:
    "batch_size:z optimizer:p hyperparameters:p hyperparameter_count:z l2:d l1:d max_norm:d " +
    "clip_value:d clip_norm:d dropout:p dropout_count:z rates:p rate_count:z lanes:z",
  epoch_options: "learning_rate:d keep_order:i threads:i should_stop:p context:p collective:p",
  step_options:
    "learning_rate:d batch:u penalty_rows:z threads:i mean_over_rows:i collective:p",
};

const widths = { p: 4, z: 4, i: 4, u: 8, d: 8 };
const layouts = {};
for (const [name, text] of Object.entries(structures)) {
  let size = 0;
  const fields = {};
  for (const field of text.split(" ")) {
    const [key, type] = field.split(":");
    size = Math.ceil(size / widths[type]) * widths[type];
    fields[key] = { at: size, type };
    size += widths[type];
  }
  layouts[name] = { fields, size: Math.ceil(size / 8) * 8 };
}

// ---- one instance of the core -------------------------------------------------------------------

const kinds = ["activations", "costs", "initializers", "optimizers", "schedules"];
const alignment = 16; // of what is handed over, and of malloc

class Core {
  constructor(exports) {
    this.c = exports;
  }

  // The memory may move with every call: views are made anew each time.
  get bytes() {
    return new Uint8Array(this.c.memory.buffer);
  }
  get view() {
    return new DataView(this.c.memory.buffer);
  }

  text(address) {
    const bytes = this.bytes;
    return new TextDecoder().decode(bytes.subarray(address, bytes.indexOf(0, address)));
  }

  /** Calls a function that returns an nncore_status. */
  call(name, ...values) {
    const status = this.c[`nncore_${name}`](...values);
    if (status !== 0) {
      throw new NncoreError(statuses[status], this.text(this.c.nncore_last_error()));
    }
  }

  /** Calls use(memory), whose memory is freed when that returns. */
  lend(use) {
    const memory = new Lent(this);
    try {
      return use(memory);
    } finally {
      memory.free();
    }
  }

  read(layout, address, field) {
    const { at, type } = layouts[layout].fields[field];
    if (type === "d") return this.view.getFloat64(address + at, true);
    if (type === "u") return this.view.getBigUint64(address + at, true);
    return this.view.getUint32(address + at, true);
  }

  names(kind) {
    const names = [];
    for (let address; (address = this.c.nncore_name(kind, names.length)) !== 0; ) {
      names.push(this.text(address));
    }
    return names;
  }

  /** The bytes that a function writes which says how many they are. */
  file(name, handle) {
    return this.lend((memory) => {
      const size = memory.take(4);
      this.call(name, handle, 0, 0, size);
      const count = this.view.getUint32(size, true);
      const to = memory.take(count);
      this.call(name, handle, to, count, size);
      return this.bytes.slice(to, to + count);
    });
  }
}

/** Memory of the core's that goes back when a call is done. */
class Lent {
  #taken = [];

  constructor(core) {
    this.core = core;
  }

  take(size) {
    const address = this.core.c.malloc(Math.max(size, alignment));
    if (address === 0) throw new NncoreError("OUT_OF_MEMORY", "there is not enough memory");
    this.#taken.push(address);
    return address;
  }
  /** A copy of a typed array. */
  array(typed) {
    const address = this.take(typed.byteLength);
    const bytes = new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
    this.core.bytes.set(bytes, address);
    return address;
  }
  text(string) {
    return this.array(new TextEncoder().encode(`${string}\0`));
  }
  addresses(list) {
    return this.array(Uint32Array.from(list));
  }
  /** A structure; fields that are not given are zero. */
  struct(layout, values = {}) {
    const { fields, size } = layouts[layout];
    const address = this.take(size);
    this.core.bytes.fill(0, address, address + size);
    for (const [key, value] of Object.entries(values)) {
      const { at, type } = fields[key];
      if (type === "d") this.core.view.setFloat64(address + at, value, true);
      else if (type === "u") this.core.view.setBigUint64(address + at, BigInt(value), true);
      else this.core.view.setUint32(address + at, value, true);
    }
    return address;
  }
  /** Hyperparameters by their names, beta1 being the core's beta_1. */
  hyperparameters(kind, owner, given) {
    const plain = (name) => name.toLowerCase().replaceAll("_", "");
    const known = new Map();
    const found = this.struct("hyperparameter");
    const name = this.text(owner);
    for (let i = 0; this.core.c[`nncore_${kind}_hyperparameter`](name, i, found) === 0; ++i) {
      const text = this.core.text(this.core.read("hyperparameter", found, "name"));
      known.set(plain(text), text);
    }
    const entries = Object.entries(given);
    const size = layouts.hyperparameter.size;
    const address = this.take(size * entries.length);
    entries.forEach(([key, value], i) => {
      const text = this.text(known.get(plain(key)) ?? key);
      this.core.view.setUint32(address + size * i, text, true);
      this.core.view.setFloat64(address + size * i + 8, number(key, value), true);
    });
    return [address, entries.length];
  }
  free() {
    for (const address of this.#taken) this.core.c.free(address);
    this.#taken = [];
  }
}

// ---- what callers hand in -----------------------------------------------------------------------

function shown(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) return value.constructor?.name ?? "an object";
  return String(value);
}
function number(name, value) {
  if (typeof value === "number" || typeof value === "boolean") return Number(value);
  throw new TypeError(`${name} must be a number, got ${shown(value)}`);
}
function whole(name, value, low, high = 2 ** 32 - 1) {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new RangeError(
    `${name} must be a whole number from ${low} to ${high}, got ${shown(value)}`);
}
function options(name, given, known) {
  if (given === undefined) return {};
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`${name} must be an object, got ${shown(given)}`);
  }
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      throw new TypeError(`there is no option ${key}; expected ${known.join(", ")}`);
    }
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
/** A name, or an object with a name and numbers, as both. */
function named(what, given) {
  if (typeof given === "string") return [given, {}];
  if (typeof given?.name !== "string") {
    throw new TypeError(`${what} must be a name, or an object that has one, got ${shown(given)}`);
  }
  const { name, ...rest } = given;
  return [name, rest];
}
const isTyped = (value) => ArrayBuffer.isView(value) && !(value instanceof DataView);
const isFloats = (value) => value instanceof Float32Array || value instanceof Float64Array;
const isBytes = (value) => value instanceof Uint8Array || value instanceof Uint8ClampedArray;

/** Numbers as one list: a typed array, or an array of numbers or of rows. */
function flat(name, value, width) {
  if (isTyped(value)) return value;
  if (!Array.isArray(value)) {
    throw new TypeError(`${name} must be an array, got ${shown(value)}`);
  }
  const list = typeof value[0] === "number" ? value : value.flatMap((row, i) => {
    const numbers = row === null || typeof row !== "object" ? [row] : Array.from(row);
    if (width !== undefined && numbers.length !== width) {
      throw new RangeError(`row ${i} of ${name} has ${numbers.length} numbers; expected ${width}`);
    }
    return numbers;
  });
  const bad = list.findIndex((item) => typeof item !== "number" && typeof item !== "boolean");
  if (bad >= 0) throw new TypeError(`${name} must hold numbers, got ${shown(list[bad])}`);
  return list;
}
function rowCount(name, count, width) {
  if (count % width === 0) return count / width;
  throw new RangeError(
    `${name} has ${count} numbers; expected a multiple of ${width}, as each row has so many`);
}

const numberCosts = new Set(["pinball", "gaussian", "poisson", "mean_absolute", "huber"]);
const dtypes = ["float32"];

/** The fields of nncore_inputs. */
function inputs(memory, net, x) {
  const cols = net.sizes[0];
  let scaled = {};
  if (isBytes(x?.data)) {
    const { data, scale = 1, offset = 0 } = x;
    if (number("scale", scale) === 0) throw new RangeError("scale must not be 0");
    scaled = { scale, offset: number("offset", offset) };
    x = data;
  }
  const list = flat("x", x, cols);
  const rows = rowCount("x", list.length, cols);
  if (isBytes(list)) return { dtype: 2, rows, cols, data: memory.array(list), ...scaled };
  const Type = Float32Array;
  const data = memory.array(list instanceof Type ? list : Type.from(list, Number));
  return { dtype: dtypes.indexOf(net.dtype), rows, cols, data };
}

/** The fields of nncore_samples, and the bytes that a row has in each of its arrays. */
function samples(memory, net, x, y, weights) {
  const fields = inputs(memory, net, x);
  const outputs = net.sizes.at(-1);
  const Type = Float32Array;
  const strides = { data: fields.cols * (fields.dtype === 2 ? 1 : Type.BYTES_PER_ELEMENT) };
  const list = flat("y", y);
  const ofClasses = (value) =>
    outputs === 1 ? value === 0 || value === 1 : Number.isInteger(value);
  const classes = isTyped(y)
    ? !isFloats(y)
    : typeof y[0] === "number" && list.length === fields.rows && list.every(ofClasses) &&
      !numberCosts.has(net.cost);
  if (classes) {
    fields.labels = memory.array(BigInt64Array.from(list, BigInt));
    fields.target_rows = list.length;
    strides.labels = 8;
  } else {
    fields.target_cols = fields.rows === 0 ? outputs : rowCount("y", list.length, fields.rows);
    fields.target_rows = fields.rows;
    fields.targets = memory.array(list instanceof Type ? list : Type.from(list, Number));
    strides.targets = fields.target_cols * Type.BYTES_PER_ELEMENT;
  }
  if (weights !== undefined) {
    const numbers = Type.from(flat("sampleWeight", weights), Number);
    fields.weights = memory.array(numbers);
    fields.weight_count = numbers.length;
  }
  return [fields, strides];
}

/** Whether a file holds a trainer's state; what is no such file the core refuses. */
function hasTrainer(bytes) {
  try {
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    return "nncore.optimizer" in header.__metadata__;
  } catch {
    return false;
  }
}

// Python's optimizers.py.
const defaultRates = {
  sgd: 0.1, momentum: 0.01, nesterov: 0.01, rmsprop: 0.001, adagrad: 0.01, adam: 0.001,
  adamw: 0.001,
};
const networkOptions = [
  "activation", "outputActivation", "cost", "initializer", "dtype", "seed",
];
const trainOptions = [
  "optimizer", "l2", "l1", "maxNorm", "clipNorm", "clipValue", "dropout", "frozen",
];
const stepOptions = [...trainOptions, "learningRate", "sampleWeight", "batch", "penaltyRows"];
const fitOptions = [
  ...trainOptions, "learningRate", "sampleWeight", "epochs", "batchSize", "shuffle",
  "validationData", "onEpoch",
];

// ---- networks -----------------------------------------------------------------------------------

/** The handles of a network and its trainer: what is left to be freed. */
class Held {
  trainer = 0;
  trainerOptions = ""; // those it was made with, as text

  constructor(core, network) {
    this.core = core;
    this.network = network;
  }
  free() {
    if (this.trainer !== 0) this.core.call("trainer_free", this.trainer);
    if (this.network !== 0) this.core.call("network_free", this.network);
    this.trainer = this.network = 0;
  }
}
const forgotten = new FinalizationRegistry((held) => held.free());

/** The class of one instance's networks. */
function networkClass(core) {
  return class Network {
    #held;
    #info;

    constructor(sizes, given) {
      this.#held = sizes instanceof Held ? sizes : new Held(core, created(sizes, given));
      this.#info = this.#read();
      forgotten.register(this, this.#held, this);
    }

    static load(bytes) {
      return new Network(opened(bytes));
    }

    get sizes() {
      return [...this.#info.sizes];
    }
    get layerActivations() {
      return [...this.#info.activations];
    }
    get cost() {
      return this.#info.cost;
    }
    get dtype() {
      return this.#info.dtype;
    }
    get seed() {
      return this.#info.seed;
    }
    get epoch() {
      return Number(this.#field("epoch"));
    }
    set epoch(value) {
      core.call("network_set_epoch", this.#network,
        BigInt(whole("epoch", value, 0, Number.MAX_SAFE_INTEGER)));
    }

    weights(layer) {
      return this.#parameters("get_weights", layer, this.#weightCount(layer));
    }
    biases(layer) {
      return this.#parameters("get_biases", layer, this.sizes[layer + 1]);
    }
    setWeights(layer, weights) {
      this.#set("set_weights", layer, flat("weights", weights));
    }
    setBiases(layer, biases) {
      this.#set("set_biases", layer, flat("biases", biases));
    }

    predict(x) {
      return core.lend((memory) => {
        const fields = inputs(memory, this, x);
        return this.#result(memory, fields.rows * this.sizes.at(-1), (to, count) =>
          core.call("network_feedforward", this.#network, memory.struct("inputs", fields), to,
            count));
      });
    }

    predictClasses(x) {
      return core.lend((memory) => {
        const fields = inputs(memory, this, x);
        const to = memory.take(8 * fields.rows);
        core.call("network_predict", this.#network, memory.struct("inputs", fields), to,
          fields.rows);
        return Int32Array.from(new BigInt64Array(core.c.memory.buffer, to, fields.rows), Number);
      });
    }

    activations(x) {
      return core.lend((memory) => {
        const fields = inputs(memory, this, x);
        const from = memory.struct("inputs", fields);
        return this.sizes.slice(1).map((size, layer) =>
          this.#result(memory, fields.rows * size, (to, count) =>
            core.call("network_activations", this.#network, from, layer, to, count)));
      });
    }

    weightedInputs(x) {
      const read = [x, ...this.activations(x)];
      return this.sizes.slice(1).map((size, layer) => {
        // The layer alone, with an activation that leaves them as they are.
        const alone = new Network([this.sizes[layer], size], {
          outputActivation: "linear", initializer: "zeros", dtype: this.dtype,
        });
        try {
          alone.setWeights(0, this.weights(layer));
          alone.setBiases(0, this.biases(layer));
          return alone.predict(read[layer]);
        } finally {
          alone.close();
        }
      });
    }

    evaluate(x, y) {
      return core.lend((memory) =>
        this.#withData(memory, samples(memory, this, x, y)[0], (data) =>
          this.#evaluated(memory, data)));
    }

    backprop(x, y, given) {
      const { l2 = 0, l1 = 0 } = options("the options", given, ["l2", "l1"]);
      return core.lend((memory) => {
        const [fields, strides] = samples(memory, this, x, y);
        const penalty = memory.struct("penalty", { l2: number("l2", l2), l1: number("l1", l1) });
        const whole = this.#gradients(memory, fields, penalty);
        const width = fields.rows;
        whole.deltas = whole.biases.map((b) => new Float32Array(width * b.length));
        // delta of a row is the gradient of its own cost with respect to the biases.
        for (let row = 0; row < width; ++row) {
          const one = { ...fields, rows: 1, target_rows: 1 };
          for (const [key, stride] of Object.entries(strides)) one[key] += row * stride;
          core.lend((scratch) => {
            const { biases } = this.#gradients(scratch, one, 0);
            biases.forEach((b, layer) => whole.deltas[layer].set(b, row * b.length));
          });
        }
        return whole;
      });
    }

    step(x, y, given) {
      const { learningRate, sampleWeight, batch = 0, penaltyRows = 0, ...training } =
        options("the options", given, stepOptions);
      return core.lend((memory) => {
        const [fields] = samples(memory, this, x, y, sampleWeight);
        const [name] = this.#trainer(memory, training, 0);
        const cost = memory.take(8);
        const rate = learningRate === undefined ? this.#defaultRate(name) : learningRate;
        core.call("trainer_step", this.#held.trainer, memory.struct("samples", fields),
          memory.struct("step_options", {
            learning_rate: number("learningRate", rate),
            batch: whole("batch", batch, 0, Number.MAX_SAFE_INTEGER),
            penalty_rows: whole("penaltyRows", penaltyRows, 0),
          }), cost);
        return core.view.getFloat64(cost, true);
      });
    }

    fit(x, y, given) {
      const {
        epochs = 30, batchSize = 10, learningRate, shuffle = true, validationData, sampleWeight,
        onEpoch, ...training
      } = options("the options", given, fitOptions);
      whole("epochs", epochs, 0);
      whole("batchSize", batchSize, 1);
      if (onEpoch !== undefined && typeof onEpoch !== "function") {
        throw new TypeError(`onEpoch must be a function, got ${shown(onEpoch)}`);
      }
      if (validationData !== undefined && validationData?.length !== 2) {
        throw new TypeError("validationData must be [x, y]");
      }
      return core.lend((memory) => {
        const [name] = this.#trainer(memory, training, batchSize);
        const rateOf = this.#rates(name, learningRate);
        const history = { epochs: [], cost: [], learningRate: [] };
        const train = (data, measure) => {
          for (let i = 0; i < epochs; ++i) {
            const record = core.lend((scratch) => {
              this.#trainer(scratch, training, batchSize); // onEpoch may have put another in place
              return this.#epoch(scratch, data, rateOf(i), shuffle);
            });
            if (measure) Object.assign(record, measure());
            const { epoch, ...measured } = record;
            history.epochs.push(epoch);
            for (const key of Object.keys(measured)) (history[key] ??= []).push(measured[key]);
            if (onEpoch?.(record) === false) break;
          }
          return history;
        };
        const [fields] = samples(memory, this, x, y, sampleWeight);
        return this.#withData(memory, fields, (data) => {
          if (validationData === undefined) return train(data);
          const [held] = samples(memory, this, ...validationData);
          return this.#withData(memory, held, (validation) =>
            train(data, () => {
              const { cost, accuracy } = core.lend((m) => this.#evaluated(m, validation));
              return {
                validationCost: cost,
                ...(accuracy !== null && { validationAccuracy: accuracy }),
              };
            }));
        });
      });
    }

    snapshot() {
      return this.#held.trainer === 0
        ? this.save()
        : core.file("trainer_save_bytes", this.#held.trainer);
    }

    restore(snapshot) {
      const found = opened(snapshot);
      const before = JSON.stringify([this.sizes, this.layerActivations, this.cost, this.dtype]);
      const other = new Network(found);
      const after = JSON.stringify([other.sizes, other.layerActivations, other.cost, other.dtype]);
      if (after !== before) {
        other.close();
        throw new RangeError(`the snapshot is of another network, ${after}; expected ${before}`);
      }
      forgotten.unregister(other);
      this.#held.free();
      Object.assign(this.#held, {
        network: found.network, trainer: found.trainer, trainerOptions: "",
      });
      this.#info = this.#read();
    }

    save() {
      return core.file("network_save_bytes", this.#network);
    }

    copy() {
      return new Network(opened(this.snapshot()));
    }

    close() {
      forgotten.unregister(this);
      this.#held.free();
    }

    get #network() {
      if (this.#held.network === 0) {
        throw new NncoreError("INVALID_ARGUMENT", "the network was closed");
      }
      return this.#held.network;
    }

    #field(name) {
      return core.lend((memory) => {
        const info = memory.struct("network_info");
        core.call("network_get_info", this.#network, info);
        return core.read("network_info", info, name);
      });
    }

    #read() {
      return core.lend((memory) => {
        const info = memory.struct("network_info");
        core.call("network_get_info", this.#network, info);
        const field = (name) => core.read("network_info", info, name);
        const layers = field("layers");
        const words = (at, count) => [...new Uint32Array(core.c.memory.buffer, at, count)];
        return {
          sizes: words(field("sizes"), layers),
          activations: words(field("activations"), layers - 1).map((at) => core.text(at)),
          cost: core.text(field("cost")),
          dtype: dtypes[field("dtype")],
          seed: field("seed"),
        };
      });
    }

    #weightCount(layer) {
      return this.sizes[layer] * this.sizes[layer + 1];
    }

    /** Floats that write(address, count) has written. */
    #result(memory, count, write) {
      const Type = Float32Array;
      const to = memory.take(count * Type.BYTES_PER_ELEMENT);
      write(to, count);
      return new Type(core.c.memory.buffer, to, count).slice();
    }

    #parameters(name, layer, count) {
      whole("layer", layer, 0, this.sizes.length - 2);
      return core.lend((memory) =>
        this.#result(memory, count, (to) =>
          core.call(`network_${name}`, this.#network, layer, dtypes.indexOf(this.dtype), to,
            count)));
    }

    #set(name, layer, numbers) {
      whole("layer", layer, 0, this.sizes.length - 2);
      core.lend((memory) =>
        core.call(`network_${name}`, this.#network, layer, dtypes.indexOf(this.dtype),
          memory.array(Float32Array.from(numbers, Number)), numbers.length));
    }

    #withData(memory, fields, use) {
      const handle = memory.take(4);
      core.call("dataset_create", this.#network, memory.struct("samples", fields), handle);
      const data = core.view.getUint32(handle, true);
      try {
        return use(data);
      } finally {
        core.call("dataset_free", data);
      }
    }

    #evaluated(memory, data) {
      const found = memory.struct("evaluation");
      core.call("network_evaluate", this.#network, data, found);
      const accuracy = core.read("evaluation", found, "accuracy");
      return {
        cost: core.read("evaluation", found, "cost"),
        accuracy: Number.isNaN(accuracy) ? null : accuracy,
      };
    }

    #gradients(memory, fields, penalty) {
      const { sizes } = this;
      const counts = sizes.slice(1).map((size, layer) => [size * sizes[layer], size]);
      const count = counts.flat().reduce((a, b) => a + b);
      const cost = memory.take(8);
      const all = this.#withData(memory, fields, (data) =>
        this.#result(memory, count, (to) =>
          core.call("network_gradients", this.#network, data, penalty,
            dtypes.indexOf(this.dtype), to, count, cost)));
      const found = { cost: core.view.getFloat64(cost, true), weights: [], biases: [] };
      let at = 0;
      for (const [weights, biases] of counts) {
        found.weights.push(all.slice(at, at + weights));
        found.biases.push(all.slice(at + weights, at + weights + biases));
        at += weights + biases;
      }
      return found;
    }

    /** Makes the trainer suit the options; returns the optimiser's name. */
    #trainer(memory, training, batchSize) {
      const network = this.#network;
      const { optimizer = "sgd", dropout, frozen = [], ...numbers } = training;
      const [name, hyperparameters] = named("optimizer", optimizer);
      const text = JSON.stringify([name, hyperparameters, dropout, frozen, numbers, batchSize]);
      const held = this.#held;
      if (held.trainer !== 0 && held.trainerOptions === text) return [name];
      const [address, count] = memory.hyperparameters("optimizer", name, hyperparameters);
      const fields = {
        batch_size: batchSize, optimizer: memory.text(name), hyperparameters: address,
        hyperparameter_count: count,
      };
      const keys = {
        l2: "l2", l1: "l1", maxNorm: "max_norm", clipNorm: "clip_norm", clipValue: "clip_value",
      };
      for (const [key, value] of Object.entries(numbers)) fields[keys[key]] = number(key, value);
      const layers = this.sizes.length - 1;
      if (dropout !== undefined && dropout !== 0) {
        const rates = typeof dropout === "number"
          ? [0, ...Array(layers - 1).fill(dropout)]
          : flat("dropout", dropout);
        fields.dropout = memory.array(Float64Array.from(rates));
        fields.dropout_count = rates.length;
      }
      if (flat("frozen", frozen).length > 0) {
        const rates = new Float64Array(2 * layers).fill(1);
        for (const layer of frozen) {
          whole("a frozen layer", layer, 0, layers - 1);
          rates.fill(0, 2 * layer, 2 * layer + 2);
        }
        fields.rates = memory.array(rates);
        fields.rate_count = rates.length;
      }
      const given = memory.struct("train_options", fields);
      if (held.trainer !== 0) {
        core.call("trainer_set_options", held.trainer, given);
      } else {
        const handle = memory.take(4);
        core.call("trainer_create", network, given, handle);
        held.trainer = core.view.getUint32(handle, true);
      }
      held.trainerOptions = text;
      return [name];
    }

    #defaultRate(optimizer) {
      const book = optimizer === "sgd" && this.cost === "quadratic" &&
        this.layerActivations.at(-1) === "sigmoid"; // its chapter 1
      return book ? 3 : defaultRates[optimizer];
    }

    #rates(optimizer, given) {
      if (given === undefined) return () => this.#defaultRate(optimizer);
      if (typeof given === "function") {
        return (epoch) => number("what learningRate returns", given(epoch));
      }
      if (typeof given === "object") return (epoch) => scheduled(core, given, epoch);
      number("learningRate", given);
      return () => given;
    }

    #epoch(memory, data, learningRate, shuffle) {
      const epoch = this.epoch;
      const cost = memory.take(8);
      core.call("trainer_epoch", this.#held.trainer, data,
        memory.struct("epoch_options", {
          learning_rate: learningRate, keep_order: shuffle ? 0 : 1,
        }), cost);
      return { epoch, cost: core.view.getFloat64(cost, true), learningRate };
    }
  };

  function created(sizes, given) {
    if (!Array.isArray(sizes) && !isTyped(sizes)) {
      throw new TypeError(`sizes must be an array, got ${shown(sizes)}`);
    }
    const units = Array.from(sizes, (size) => whole("each of sizes", size, 0));
    const {
      activation = "sigmoid", cost = "quadratic", initializer = "auto", dtype = "float32",
      seed = 0, outputActivation,
    } = options("the options", given, networkOptions);
    const [costName, costNumbers] = named("cost", cost);
    const output = outputActivation ??
      { pinball: "linear", gaussian: "linear", focal: "softmax" }[costName] ?? "sigmoid";
    const hidden = Math.max(units.length - 2, 0);
    const ofHidden = Array.isArray(activation) ? activation : Array(hidden).fill(activation);
    if (ofHidden.length !== hidden) {
      throw new RangeError(`there are ${ofHidden.length} activations; expected ${hidden}, ` +
        "one for each hidden layer");
    }
    if (!dtypes.includes(dtype)) {
      throw new RangeError(`dtype must be ${dtypes.join(" or ")}, got ${shown(dtype)}`);
    }
    if (typeof seed !== "bigint") whole("seed", seed, 0, Number.MAX_SAFE_INTEGER);
    else if (seed < 0n || seed >= 1n << 64n) throw new RangeError(`seed is ${seed}; expected 64 bits`);
    return core.lend((memory) => {
      const entries = Object.entries(costNumbers);
      const isList = ([, value]) => typeof value === "object" && value !== null;
      const list = Float64Array.from(entries.filter(isList).flatMap(([key, v]) => [...flat(key, v)]));
      const [numbers, count] = memory.hyperparameters(
        "cost", costName, Object.fromEntries(entries.filter((entry) => !isList(entry))));
      const handle = memory.take(4);
      core.call("network_create", memory.struct("architecture", {
        sizes: memory.addresses(units),
        layers: units.length,
        activations: memory.addresses(
          units.length > 1 ? [...ofHidden, output].map((name) => memory.text(name)) : []),
        cost: memory.text(costName),
        initializer: initializer === "auto" ? 0 : memory.text(initializer),
        dtype: dtypes.indexOf(dtype),
        seed,
        cost_hyperparameters: numbers,
        cost_hyperparameter_count: count,
        cost_list: memory.array(list),
        cost_list_count: list.length,
      }), handle);
      return core.view.getUint32(handle, true);
    });
  }

  /** What a file's bytes hold. */
  function opened(given) {
    const bytes = given instanceof ArrayBuffer ? new Uint8Array(given) : given;
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(`a model must be a Uint8Array or an ArrayBuffer, got ${shown(given)}`);
    }
    return core.lend((memory) => {
      const from = memory.array(bytes);
      const network = memory.take(4);
      const trainer = memory.take(4);
      const resumed = hasTrainer(bytes);
      if (resumed) {
        core.call("trainer_resume_bytes", from, bytes.length, memory.struct("train_options"),
          network, trainer);
      } else {
        core.call("network_load_bytes", from, bytes.length, network);
      }
      const held = new Held(core, core.view.getUint32(network, true));
      if (resumed) held.trainer = core.view.getUint32(trainer, true);
      return held;
    });
  }
}

function scheduled(core, schedule, epoch) {
  const [name, numbers] = named("the schedule", schedule);
  return core.lend((memory) => {
    const [address, count] = memory.hyperparameters("schedule", name, numbers);
    const rate = memory.take(8);
    core.call("schedule_rate", memory.text(name), address, count,
      BigInt(whole("epoch", epoch, 0, Number.MAX_SAFE_INTEGER)), rate);
    return core.view.getFloat64(rate, true);
  });
}

// ---- making an instance -------------------------------------------------------------------------

async function compiled(source) {
  if (source === undefined) source = new URL("nncore.wasm", import.meta.url);
  if (source instanceof WebAssembly.Module) return source;
  if (ArrayBuffer.isView(source) || source instanceof ArrayBuffer) {
    return WebAssembly.compile(source);
  }
  if (typeof source === "string" || source instanceof URL) {
    const url = new URL(source, globalThis.location?.href ?? import.meta.url);
    if (url.protocol === "file:" && globalThis.process?.versions?.node) {
      const { readFile } = await import("node:fs/promises");
      return WebAssembly.compile(await readFile(url));
    }
    source = await fetch(url);
  }
  if (typeof source?.arrayBuffer !== "function") {
    throw new TypeError(`instantiate cannot make an instance from ${shown(source)}; ` +
      "expected bytes, a URL, a Response or a WebAssembly.Module");
  }
  if (source.ok === false) {
    throw new NncoreError("FILE_ERROR", `${source.url} cannot be read: ${source.status}`);
  }
  return WebAssembly.compile(await source.arrayBuffer());
}

/** What the C library asks of a system: there is none. */
function systemCalls(module, instance) {
  const notThere = 52;
  const calls = {
    // No environment variables: two counts of zero.
    environ_sizes_get(count, size) {
      const view = new DataView(instance().exports.memory.buffer);
      view.setUint32(count, 0, true);
      view.setUint32(size, 0, true);
      return 0;
    },
    environ_get: () => 0,
  };
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    (imports[from] ??= {})[name] = calls[name] ?? (() => notThere);
  }
  return imports;
}

export async function instantiate(source) {
  const module = await compiled(source);
  let instance;
  const imports = systemCalls(module, () => instance);
  instance = await WebAssembly.instantiate(module, imports);
  instance.exports._initialize();
  const core = new Core(instance.exports);
  return {
    Network: networkClass(core),
    version: core.text(core.c.nncore_version()),
    names: Object.fromEntries(kinds.map((kind, i) => [kind, core.names(i)])),
    learningRate: (schedule, epoch) => scheduled(core, schedule, epoch),
    get memoryBytes() {
      return core.c.memory.buffer.byteLength;
    },
  };
}
