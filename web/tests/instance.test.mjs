import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { instantiate, structures } from "../nncore.js";
import { corners, exclusiveOr, nncore, wasm } from "./helpers.mjs";

const web = fileURLToPath(new URL("..", import.meta.url));

test("10,000 networks take the memory of some", async () => {
  const make = () => {
    const net = new nncore.Network([20, 30, 10]);
    net.step([Array(20).fill(1)], Int32Array.of(1));
    return net;
  };
  for (let i = 0; i < 100; ++i) make().close();
  const before = nncore.memoryBytes;
  for (let i = 0; i < 10_000; ++i) make().close();
  assert.equal(nncore.memoryBytes, before);
  // Forgotten ones go with the garbage.
  for (let i = 0; i < 2_000; ++i) {
    make();
    if (i % 100 === 99) {
      gc();
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
  assert.ok(nncore.memoryBytes < before + 2 ** 23, `${nncore.memoryBytes} after ${before}`);
});

test("10,000 errors take no memory", () => {
  const net = new nncore.Network([2, 3, 1]);
  const fails = () => assert.throws(() => net.fit(corners, Int32Array.of(0, 1, 1, 7)));
  for (let i = 0; i < 100; ++i) fails();
  const before = nncore.memoryBytes;
  for (let i = 0; i < 10_000; ++i) fails();
  assert.equal(nncore.memoryBytes, before);
});

test("instances come from all that holds the module, and share nothing", async () => {
  const compiled = await WebAssembly.compile(wasm);
  const url = new URL("../nncore.wasm", import.meta.url);
  const sources = [undefined, wasm, wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.length),
    compiled, url, url.href, new Response(wasm)];
  for (const source of sources) {
    const other = await instantiate(source);
    assert.equal(other.version, nncore.version);
    new other.Network([2, 1]).close();
  }
  await assert.rejects(instantiate(5), /expected bytes/);
  await assert.rejects(instantiate(Uint8Array.of(1, 2)), WebAssembly.CompileError);
});

test("a worker trains to the same bits", async () => {
  const options = { epochs: 3, batchSize: 2 };
  const net = new nncore.Network([2, 3, 1], { seed: 9 });
  net.fit(corners, exclusiveOr, options);
  const program = `
    import { parentPort, workerData } from "node:worker_threads";
    import { instantiate } from ${JSON.stringify(new URL("../nncore.js", import.meta.url).href)};
    const nncore = await instantiate(workerData.module);
    const net = new nncore.Network([2, 3, 1], { seed: 9 });
    net.fit(workerData.x, workerData.y, workerData.options);
    parentPort.postMessage(net.snapshot());`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`), {
    workerData: { module: await WebAssembly.compile(wasm), x: corners, y: exclusiveOr, options },
  });
  const snapshot = await new Promise((resolve, reject) => {
    worker.on("message", resolve).on("error", reject);
  });
  assert.deepEqual(snapshot, net.snapshot());
});

test("the structures are those of nncore.h", async () => {
  const header = await readFile(new URL("../../cpp/include/nncore/nncore.h", import.meta.url), "utf8");
  const code = header.replace(/\/\*[^]*?\*\//g, "");
  const kinds = { size_t: "z", double: "d", uint64_t: "u", int: "i", nncore_dtype: "i" };
  const fieldsOf = (name) =>
    code.match(new RegExp(`typedef struct nncore_${name} {([^]*?)}`))[1].trim().split(";")
      .map((field) => field.trim()).filter(Boolean).map((field) => {
        const callback = field.match(/\(\*(\w+)\)/);
        if (callback) return `${callback[1]}:p`;
        const [, type, stars, key] = field.match(/^(.*?)\s*((?:\*\s*(?:const\s*)?)*)\s*(\w+)$/);
        if (type === "nncore_inputs") return fieldsOf("inputs");
        return `${key}:${stars ? "p" : kinds[type.replace("const ", "")]}`;
      }).join(" ");
  for (const [name, fields] of Object.entries(structures)) assert.equal(fields, fieldsOf(name), name);
});

test("the package holds what it takes, and loads by its name", async () => {
  const listed = execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: web });
  const [{ files, version }] = JSON.parse(listed);
  assert.deepEqual(files.map(({ path }) => path).sort(),
    ["LICENSE", "README.md", "nncore.d.ts", "nncore.js", "nncore.wasm", "package.json"]);
  assert.equal(version, nncore.version);
  assert.equal((await import("nncore")).instantiate, instantiate);
  assert.ok(gzipSync(wasm, { level: 9 }).length <= 150_000);
});
