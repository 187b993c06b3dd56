// The settings of a run, as the address holds them, and as Python's code.

export const DEFAULTS = {
  data: "digits", hidden: 30, rate: 0.5, epochs: 30, batch: 10, cost: "cross_entropy", seed: 1,
};

const WHOLE = { hidden: [1, 100], epochs: [1, 100], batch: [1, 500], seed: [0, 999999] };
const CHOICES = { data: ["digits", "csv"], cost: ["cross_entropy", "quadratic"] };

/** The settings with what `given` says, text or numbers, where that can be; else the default. */
export function asSettings(given) {
  const settings = { ...DEFAULTS };
  for (const [name, [low, high]] of Object.entries(WHOLE)) {
    const value = given[name] === undefined || given[name] === "" ? NaN : Number(given[name]);
    if (Number.isInteger(value) && value >= low && value <= high) settings[name] = value;
  }
  const rate = Number(given.rate ?? "");
  if (rate > 0 && rate <= 20) settings.rate = rate;
  for (const [name, choices] of Object.entries(CHOICES)) {
    if (choices.includes(given[name])) settings[name] = given[name];
  }
  return settings;
}

/** The settings in an address such as #train?hidden=30&rate=0.5. */
export function fromAddress(hash) {
  return asSettings(Object.fromEntries(new URLSearchParams(hash.split("?")[1] ?? "")));
}

export function toAddress(settings) {
  const entries = Object.keys(DEFAULTS).map((name) => [name, String(settings[name])]);
  return `#train?${new URLSearchParams(entries)}`;
}

const DIGITS = (source) => `\
x, y = ${source}
x = np.rint(x * 3) / 3  # four grey levels, as the page carries them`;

/** Python that does the same run, to the same bits. `data` is { source, file, sizes, count }. */
export function pythonCode(settings, data) {
  const { hidden, rate, epochs, batch, cost, seed } = settings;
  const table = settings.data === "csv";
  const load = table ? tableCode(data.file) : DIGITS(data.source);
  const rows = table ? "" : `[:${data.count}]`;
  return `import os
import zlib

# The browser's kernels; without it the last bits differ.
os.environ["NNCORE_ISA"] = "baseline"
import numpy as np
import nncore

${load}
x, y = x${rows}, y${rows}
held = np.arange(len(x)) % 5 == 4  # every fifth row is for measuring
net = nncore.Network([${data.sizes[0]}, ${hidden}, ${data.sizes.at(-1)}], cost="${cost}", seed=${seed})
history = net.fit(
    x[~held], y[~held], epochs=${epochs}, batch_size=${batch}, learning_rate=${rate},
    validation_data=(x[held], y[held]),
)
print(history["validation_accuracy"][-1])
parts = [part for pair in zip(net.weights, net.biases) for part in pair]
print(f"{zlib.crc32(b''.join(part.tobytes() for part in parts)):08x}")
`;
}

function tableCode(file) {
  return `\
table = np.loadtxt(${JSON.stringify(file)}, dtype=str, delimiter=",", comments=None, ndmin=2)
try:
    x = table[:, :-1].astype(float)
except ValueError:  # the first line has the columns' names
    table = table[1:]
    x = table[:, :-1].astype(float)
low, high = x.min(axis=0), x.max(axis=0)
x = ((x - low) / np.where(high > low, high - low, 1)).astype(np.float32)
classes, y = np.unique(np.char.strip(table[:, -1]), return_inverse=True)`;
}
