// What the tests share.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { instantiate } from "../nncore.js";

export const wasm = await readFile(new URL("../nncore.wasm", import.meta.url));
export const nncore = await instantiate(wasm);

/** Numbers from 0 to below 1, of 24 bits; tests/web/web_cases.py draws the same (xorshift32). */
export function numbers(seed, count) {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 8) / 2 ** 24;
  });
}

export const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The four rows of exclusive or. */
export const corners = [[0, 0], [0, 1], [1, 0], [1, 1]];
export const exclusiveOr = [0, 1, 1, 0];

/** That call throws an NncoreError of that code whose message has the text. */
export function refuses(assert, call, code, text) {
  assert.throws(call, (error) => {
    assert.equal(error.name, "NncoreError", error.stack);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  });
}
