// Where hidden units lie: each layer a grid of squares, the layers side by side.

const GAP = 4;
const BETWEEN = 26;
const LARGEST = 62;

/** How wide later layers are, which are dots, for the first one, whose units are images. */
const LATER = 0.4;

/** Squares { x, y, size, layer, unit, columns } for layers of so many units, as large as fit. */
export function tiles(width, height, layers) {
  if (!layers.length || width <= 0 || height <= 0) return [];
  const parts = layers.map((count, layer) => Math.sqrt(count) * (layer ? LATER : 1));
  const total = parts.reduce((sum, part) => sum + part, 0);
  const free = width - BETWEEN * (layers.length - 1);
  const grids = layers.map((count, layer) => grid((free * parts[layer]) / total, height, count));
  const used = grids.reduce((sum, { columns, size }) => sum + columns * (size + GAP) - GAP, 0);
  let x = (width - used - BETWEEN * (layers.length - 1)) / 2;
  return grids.flatMap(({ columns, rows, size }, layer) => {
    const left = x;
    const top = (height - rows * (size + GAP) + GAP) / 2;
    x += columns * (size + GAP) - GAP + BETWEEN;
    return Array.from({ length: layers[layer] }, (_, unit) => ({
      x: left + (unit % columns) * (size + GAP),
      y: top + Math.floor(unit / columns) * (size + GAP),
      size,
      layer,
      unit,
      columns,
    }));
  });
}

function grid(width, height, count) {
  let best = { columns: 1, rows: count, size: 1 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const fits = Math.min((width + GAP) / columns, (height + GAP) / rows) - GAP;
    const size = Math.min(Math.floor(fits), LARGEST);
    if (size > best.size) best = { columns, rows, size };
  }
  return best;
}

/** The square at a point, with half of the gap around it; undefined where there is none. */
export function unitAt(places, x, y) {
  const reach = GAP / 2;
  return places.find(
    (tile) =>
      x >= tile.x - reach &&
      x < tile.x + tile.size + reach &&
      y >= tile.y - reach &&
      y < tile.y + tile.size + reach,
  );
}
