// The sheet that is drawn on: strokes by mouse, pen or finger, each of which can be undone.

import { css, colours, onColours } from "./colours.js";
import { find, fitted, onNextFrame } from "./dom.js";
import { image } from "./image.js";
import { drawLine, drawStrokes } from "./ink.js";

/** The sheet in its own units, and in the pixels that are read. */
export const SHEET = { width: 400, height: 300, radius: 8, scale: 0.5 };

/** `changed(drawing)` is called whenever there is other ink; `drawing` while a stroke goes on. */
export function createPad(changed) {
  const canvas = find("pad");
  const { width, height, radius, scale } = SHEET;
  let strokes = [];
  let sheet = image(height * scale, width * scale);
  let current = null; // the stroke that goes on, and its pointer
  let dropped = []; // what clear took away

  const draw = onNextFrame(() => {
    const { context, width: across } = fitted(canvas);
    context.scale(across / width, across / width);
    context.lineWidth = 2 * radius;
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = css(colours().ink);
    for (const stroke of strokes) {
      context.beginPath();
      context.moveTo(...stroke[0]);
      if (stroke.length === 1) context.lineTo(stroke[0][0] + 0.01, stroke[0][1]);
      for (let k = 1; k < stroke.length; k++) context.lineTo(...stroke[k]);
      context.stroke();
    }
  });

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * width,
      ((event.clientY - box.top) / box.height) * height,
    ];
  }

  function add(point) {
    const stroke = current.stroke;
    const before = stroke.at(-1) ?? point;
    if (stroke.length && Math.hypot(point[0] - before[0], point[1] - before[1]) < 1) return;
    stroke.push(point);
    drawLine(sheet, ...[...before, ...point].map((value) => value * scale), radius * scale);
  }

  function redraw() {
    sheet = drawStrokes(image(height * scale, width * scale), strokes, radius * scale, scale);
    told(false);
  }

  function told(drawing) {
    find("undo").disabled = !strokes.length && !dropped.length;
    find("clear").disabled = !strokes.length;
    find("pad-hint").style.opacity = strokes.length ? 0 : 1;
    draw();
    changed(drawing);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || current) return;
    canvas.setPointerCapture?.(event.pointerId);
    event.preventDefault();
    current = { pointer: event.pointerId, stroke: [] };
    strokes.push(current.stroke);
    dropped = [];
    add(place(event));
    told(true);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (current?.pointer !== event.pointerId) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) add(place(each));
    told(true);
  });
  const end = (event) => {
    if (current?.pointer !== event.pointerId) return;
    current = null;
    told(false);
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(name, end);
  }

  function undo() {
    if (current) return;
    if (dropped.length) [strokes, dropped] = [dropped, []];
    else strokes.pop();
    redraw();
  }
  function clear() {
    if (current) return;
    [dropped, strokes] = [strokes, []];
    redraw();
  }
  find("undo").addEventListener("click", undo);
  find("clear").addEventListener("click", clear);
  document.addEventListener("keydown", (event) => {
    const typing = /INPUT|TEXTAREA|SELECT/.test(event.target.tagName);
    if (find("draw").hidden || typing) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") {
      event.preventDefault();
      undo();
    } else if (event.key === "Escape" || event.key === "Delete") clear();
  });
  onColours(draw);
  new ResizeObserver(draw).observe(canvas);
  return {
    sheet: () => sheet,
    strokes: () => strokes,
    show(given) {
      strokes = given.map((stroke) => stroke.map((point) => [...point]));
      dropped = [];
      redraw();
    },
  };
}
