// Connected components of what is not 0, neighbours by side or by corner.

/** The number of each pixel's component, from 1 up and 0 outside, and of each component its area,
 * its mass and its box [top, bottom, left, right]. */
export function components({ height, width, data }) {
  const labels = new Int32Array(height * width);
  const parts = [];
  const waiting = [];
  for (let start = 0; start < data.length; start++) {
    if (data[start] === 0 || labels[start]) continue;
    const part = { area: 0, mass: 0, most: 0, box: [height, 0, width, 0] };
    parts.push(part);
    labels[start] = parts.length;
    waiting.push(start);
    while (waiting.length) {
      const at = waiting.pop();
      const y = (at / width) | 0;
      const x = at - y * width;
      part.area += 1;
      part.mass += data[at];
      part.most = Math.max(part.most, data[at]);
      const { box } = part;
      box[0] = Math.min(box[0], y);
      box[1] = Math.max(box[1], y + 1);
      box[2] = Math.min(box[2], x);
      box[3] = Math.max(box[3], x + 1);
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v++) {
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u++) {
          const next = v * width + u;
          if (data[next] !== 0 && !labels[next]) {
            labels[next] = parts.length;
            waiting.push(next);
          }
        }
      }
    }
  }
  return { labels, parts };
}

/** Sets to 0 what `keep(part)` is false of, in place. */
export function keepParts(from, keep) {
  const { labels, parts } = components(from);
  const stays = parts.map(keep);
  for (let k = 0; k < labels.length; k++) {
    if (labels[k] && !stays[labels[k] - 1]) from.data[k] = 0;
  }
  return from;
}
