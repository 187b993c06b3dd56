// nncore in JavaScript: dense neural networks, trained by the same C++ core as in Python, to the
// same bits. Names are those of Python's nncore.Network, in lowerCamel.

/** Activation functions, "softmax" for outputs only; "step" predicts but does not train. */
export type Activation =
  | "sigmoid" | "tanh" | "relu" | "leaky_relu" | "elu" | "gelu" | "silu" | "softplus" | "selu"
  | "relu6" | "mish" | "gelu_tanh" | "linear" | "exponential" | "step" | "softmax";
export type Cost =
  | "quadratic" | "cross_entropy" | "log_likelihood" | "mean_absolute" | "huber" | "poisson"
  | "pinball" | "gaussian" | "focal" | "binary_focal";
export type Initializer =
  | "normal" | "scaled" | "glorot_uniform" | "glorot_normal" | "he_uniform" | "he_normal"
  | "zeros";
export type Optimizer =
  | "sgd" | "momentum" | "nesterov" | "rmsprop" | "adagrad" | "adam" | "adamw";
export type Schedule =
  | "constant" | "step" | "exponential" | "inverse_scaling" | "cosine" | "one_cycle";
/** WebAssembly has no networks of float64, which take another copy of the code. */
export type DType = "float32";

/** A name with numbers: { name: "adam", beta1: 0.8 }, { name: "cross_entropy", labelSmoothing: 0.1 },
 * { name: "pinball", quantiles: [0.1, 0.9] }, { name: "cosine", rate: 0.01, epochs: 30 }. */
export type Named<Name extends string> = { name: Name; [hyperparameter: string]: unknown };

/** What the parameters and results of a network are. */
export type Floats = Float32Array;

/** Rows of inputs one after the other (rows * sizes[0] numbers), or an array of rows. The bytes of
 * a Uint8Array count as they are, 0 to 255, or as scale * byte + offset. */
export type Inputs =
  | Float32Array | Float64Array | Uint8Array
  | ReadonlyArray<number> | ReadonlyArray<ArrayLike<number>>
  | { data: Uint8Array; scale?: number; offset?: number };

/** What the outputs should be. Arrays of integers hold a class a row, counted from 0 (for a single
 * output 0 or 1); arrays of floats, and arrays of rows, hold a target for every output. A plain
 * array of numbers is classes if it has one whole number a row (for a single output 0s and 1s
 * alone), and targets otherwise. */
export type Targets =
  | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | BigInt64Array
  | Float32Array | Float64Array
  | ReadonlyArray<number> | ReadonlyArray<ArrayLike<number>>;

export interface NetworkOptions {
  /** Of all hidden layers, or a name for each of them. Default: "sigmoid". */
  activation?: Activation | Activation[];
  /** Of the last layer. Default: "linear" for "pinball" and "gaussian", "softmax" for "focal",
   * else "sigmoid". */
  outputActivation?: Activation;
  /** Default: "quadratic". */
  cost?: Cost | Named<Cost>;
  /** Of all layers. Default: "auto", which suits each layer's activation. */
  initializer?: Initializer | "auto";
  /** Default: "float32". */
  dtype?: DType;
  /** A whole number from 0 up; fixes the parameters, every shuffle and every dropout. Default 0. */
  seed?: number | bigint;
}

export interface StepOptions {
  /** Default: the optimiser's own, as in Python. */
  learningRate?: number;
  /** Default: "sgd". Its memory lasts from call to call, as long as it stays the same. */
  optimizer?: Optimizer | Named<Optimizer>;
  /** l2 / (2 n) |w|^2 + l1 / n |w|_1 is added to the cost. */
  l2?: number;
  l1?: number;
  /** Bounds of each unit's incoming weights, of the gradient's norm, of each derivative. */
  maxNorm?: number;
  clipNorm?: number;
  clipValue?: number;
  /** The probability that a hidden unit is dropped; or a rate for the inputs and each hidden
   * layer. */
  dropout?: number | number[];
  /** Numbers of the layers that stay as they are, 0 being the first behind the inputs. */
  frozen?: number[];
  /** How much each row counts. */
  sampleWeight?: ArrayLike<number>;
  /** step(): the mini-batch's number in an epoch that the caller makes, a key of dropout. */
  batch?: number;
  /** step(): n of the penalties. Default: the rows of the mini-batch. */
  penaltyRows?: number;
}

export interface FitOptions extends Omit<StepOptions, "learningRate" | "batch" | "penaltyRows"> {
  /** Default: 30. */
  epochs?: number;
  /** Default: 10. */
  batchSize?: number;
  /** A number, a schedule, or a function of the epoch, counted from this call. */
  learningRate?: number | Named<Schedule> | ((epoch: number) => number);
  /** Whether rows come in a new order each epoch, drawn from the network's seed. Default: true. */
  shuffle?: boolean;
  /** [x, y], measured after every epoch. */
  validationData?: [Inputs, Targets];
  /** Called after every epoch; false ends training. It may ask the network, and restore it. */
  onEpoch?: (epoch: EpochRecord) => boolean | void;
}

export interface EpochRecord {
  /** Its number, counted from the network's first, 0. */
  epoch: number;
  /** Mean cost of the rows, each taken before its mini-batch's update, without penalties. */
  cost: number;
  learningRate: number;
  validationCost?: number;
  /** Only for classes. */
  validationAccuracy?: number;
}

/** A column for everything that was measured, with an entry per epoch. */
export interface History {
  epochs: number[];
  cost: number[];
  learningRate: number[];
  validationCost?: number[];
  validationAccuracy?: number[];
}

export interface Evaluation {
  /** Mean over the rows, without penalties. */
  cost: number;
  /** The part that is classified rightly; null unless the targets are classes. */
  accuracy: number | null;
}

/** The derivatives of the mean cost of some rows; a list has an entry for each layer behind the
 * inputs. */
export interface Backprop {
  cost: number;
  /** (out, in), row-major. */
  weights: Floats[];
  /** (out). */
  biases: Floats[];
  /** (rows, out): delta, the derivative of each row's own cost with respect to its weighted
   * inputs. */
  deltas: Floats[];
}

/** A dense feedforward network. Layers are counted from 0, the first one behind the inputs. */
export interface Network {
  readonly sizes: number[];
  /** Of every layer behind the inputs. */
  readonly layerActivations: Activation[];
  readonly cost: Cost;
  readonly dtype: DType;
  readonly seed: bigint;
  /** Epochs trained so far. */
  epoch: number;

  /** Copies: (out, in) row-major, and (out). */
  weights(layer: number): Floats;
  biases(layer: number): Floats;
  setWeights(layer: number, weights: ArrayLike<number>): void;
  setBiases(layer: number, biases: ArrayLike<number>): void;

  /** Outputs, (rows, outputs) row-major. */
  predict(x: Inputs): Floats;
  /** A class a row: the largest output, or for one output whether it passes the middle. */
  predictClasses(x: Inputs): Int32Array;
  /** a of every layer behind the inputs, (rows, out) each. */
  activations(x: Inputs): Floats[];
  /** z of every layer behind the inputs, (rows, out) each: what the activation is made from. */
  weightedInputs(x: Inputs): Floats[];
  evaluate(x: Inputs, y: Targets): Evaluation;

  /** Trains nothing. Penalties count as in StepOptions. */
  backprop(x: Inputs, y: Targets, options?: { l2?: number; l1?: number }): Backprop;
  /** One update from the rows as one mini-batch; returns their mean cost before it. */
  step(x: Inputs, y: Targets, options?: StepOptions): number;
  /** Trains until all epochs are done: in a page, do it in a Worker or an epoch at a time. */
  fit(x: Inputs, y: Targets, options?: FitOptions): History;

  /** Everything that training has made, the optimiser's memory too: bytes for restore(), which
   * brings the same bits back. They are a checkpoint that Python reads. */
  snapshot(): Uint8Array;
  restore(snapshot: Uint8Array): void;
  /** The bytes of a model file (safetensors) that Python, C++ and C read. */
  save(): Uint8Array;
  copy(): Network;
  /** Frees its memory now; otherwise that happens some time after the last use. */
  close(): void;
}

export interface NetworkConstructor {
  new (sizes: number[], options?: NetworkOptions): Network;
  /** Reads a model file or a checkpoint, whoever wrote it. A checkpoint's optimiser goes on where
   * it stood. */
  load(bytes: Uint8Array | ArrayBuffer): Network;
}

/** What the core says was wrong; a TypeError or RangeError is thrown for what never reached it. */
export declare class NncoreError extends Error {
  /** "INVALID_ARGUMENT", "BUSY", "FILE_ERROR", "DIVERGED", "OUT_OF_MEMORY", "INTERNAL_ERROR". */
  readonly code: string;
}

export interface Nncore {
  Network: NetworkConstructor;
  readonly version: string;
  /** What can be chosen by name. */
  readonly names: {
    activations: Activation[];
    costs: Cost[];
    initializers: Initializer[];
    optimizers: Optimizer[];
    schedules: Schedule[];
  };
  /** What a schedule makes the learning rate of an epoch, counted from 0. */
  learningRate(schedule: Named<Schedule>, epoch: number): number;
  /** Bytes that the core's memory takes; it grows and never shrinks. */
  readonly memoryBytes: number;
}

/** Makes an instance of the core from nncore.wasm: from its bytes (a page that works from a file),
 * from where it is, from a compiled module (to share among Workers), or, without an argument, from
 * beside this module. Instances share nothing. */
export function instantiate(
  source?: BufferSource | string | URL | Response | WebAssembly.Module,
): Promise<Nncore>;
