// Points in a plane from -1 to 1, { x, y, label }.

import { randoms, uniforms } from "./randoms.js";

const COUNT = 160;

export const SHAPES = {
  XOR: (k, uniform) => {
    const [x, y] = [2 * uniform() - 1, 2 * uniform() - 1].map((v) => 0.9 * v + 0.06 * Math.sign(v));
    return { x, y, label: Number(x * y > 0) };
  },
  Circles: (k, uniform, normal) => {
    const label = k % 2;
    const [radius, angle] = [label ? 0.3 : 0.78, 2 * Math.PI * uniform()];
    const away = radius + 0.06 * normal();
    return { x: away * Math.cos(angle), y: away * Math.sin(angle), label };
  },
  Spirals: (k, uniform, normal) => {
    const label = k % 2;
    const way = 0.06 + 0.94 * uniform();
    const angle = 3.4 * Math.PI * way + Math.PI * label;
    const at = 0.92 * way;
    return { x: at * Math.cos(angle) + 0.012 * normal(), y: at * Math.sin(angle) + 0.012 * normal(), label };
  },
  Blobs: (k, uniform, normal) => {
    const label = k % 2;
    const middle = label ? 0.42 : -0.42;
    return { x: middle + 0.2 * normal(), y: middle + 0.2 * normal(), label };
  },
};

export function pointsOf(shape, seed = 1) {
  const [uniform, normal] = [uniforms(seed), randoms(seed + 1)];
  return Array.from({ length: COUNT }, (_, k) => SHAPES[shape](k, uniform, normal));
}
