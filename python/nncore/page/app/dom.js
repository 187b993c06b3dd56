// Small helpers for elements and canvases.

export const find = (id) => document.getElementById(id);

/** An element with properties (or attributes, where they have a dash) and children. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else if (name === "style") element.style.cssText = value;
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** A canvas's context in CSS pixels, sharp on every screen, and its size; it is empty. */
export function fitted(canvas) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const { clientWidth: width, clientHeight: height } = canvas;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Calls `draw` before the next frame, once however often it was asked for. */
export function onNextFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame((time) => {
      asked = false;
      draw(time);
    });
  };
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const MINUS = "\u2212";

/** A number with a true minus sign. */
export function number(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `${MINUS}${text}` : text;
}

/** The same, of which small ones keep two digits. */
export function fine(value) {
  const size = Math.abs(value);
  if (size === 0 || size >= 0.095) return number(value, 2);
  if (size >= 0.0095) return number(value, 3);
  return size >= 0.00095 ? number(value, 4) : value.toExponential(1).replaceAll("-", MINUS);
}

/** A share in percent; only what is nearly 0 or 1 has a digit behind the point. */
export function percent(share) {
  if (share >= 0.9995) return ">99.9 %";
  return `${(100 * share).toFixed(share < 0.01 || share > 0.99 ? 1 : 0)} %`;
}
