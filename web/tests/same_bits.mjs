// Runs the cases of tests/web/web_cases.py, which come on standard input, and prints the names of
// those whose model files have other hashes than Python's.
import { hash, nncore, numbers } from "./helpers.mjs";

function dataOf({ sizes, rows, seed, zeros, y, columns = 1, bytes }) {
  let x = numbers(seed, rows * sizes[0]).map((v) => (v < Math.fround(zeros) ? 0 : v));
  const drawn = numbers(seed + 1000, rows * columns);
  if (bytes) x = { data: Uint8Array.from(x, (v) => v * 256), scale: 1 / 256 };
  return [x, y === "classes" ? Int32Array.from(drawn, (v) => v * Math.max(sizes.at(-1), 2)) : drawn];
}

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const differ = [];
for (const given of JSON.parse(Buffer.concat(chunks).toString())) {
  const net = new nncore.Network(given.sizes, given.net);
  const before = hash(net.save());
  net.fit(...dataOf(given), given.fit);
  const after = hash(net.save());
  if (before !== given.before) differ.push(`${given.name}: the first parameters`);
  else if (after !== given.after) differ.push(`${given.name}: what is learnt`);
  net.close();
}
console.log(JSON.stringify(differ));
