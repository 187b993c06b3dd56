// The page's colours in canvases: blue for what is positive, red for what is negative.

let palette = null;

/** The style sheet's colours as [red, green, blue]. */
export function colours() {
  if (palette) return palette;
  const style = getComputedStyle(document.documentElement);
  palette = {};
  for (const name of ["paper", "card", "ink", "soft", "line", "plus", "minus"]) {
    const code = style.getPropertyValue(`--${name}`).trim().slice(1);
    palette[name] = [0, 2, 4].map((k) => parseInt(code.slice(k, k + 2), 16));
  }
  return palette;
}

/** Calls `changed` whenever the colours do. */
export function onColours(changed) {
  const forget = () => {
    palette = null;
    changed();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forget);
  document.addEventListener("nncore-theme", forget);
}

export const css = ([red, green, blue], alpha = 1) => `rgba(${red}, ${green}, ${blue}, ${alpha})`;

export const signed = (value) => (value < 0 ? colours().minus : colours().plus);

/** A small canvas of numbers: paper for 0, the colour of its sign for `most`. */
export function signedImage(values, side, most = 0) {
  const scale = most || values.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
  const { paper, plus, minus } = colours();
  return painted(values, side, (value) => {
    const share = Math.min(Math.abs(value) / scale, 1);
    return mixed(paper, value < 0 ? minus : plus, share ** 0.75); // so that little is seen, too
  });
}

/** A small canvas of grey levels from 0, paper, to 1, ink. */
export function inkImage(values, side) {
  const { paper, ink } = colours();
  return painted(values, side, (value) => mixed(paper, ink, Math.min(Math.max(value, 0), 1)));
}

const mixed = (from, to, share) => from.map((level, k) => level + (to[k] - level) * share);

function painted(values, side, colour) {
  const canvas = document.createElement("canvas");
  canvas.width = side;
  canvas.height = Math.ceil(values.length / side);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  for (let k = 0; k < values.length; k++) {
    pixels.data.set(colour(values[k]), 4 * k);
    pixels.data[4 * k + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
