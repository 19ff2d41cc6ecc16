// Numbers as little pictures, one pixel of a canvas a number; CSS makes the pixels larger.

export const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const classColour = i => css(`--class-${i}`);

const grey = v => [v, v, v].map(c => 255 * c);
const heat = v => [Math.min(1, 2.2 * v), Math.max(0, 1.6 * v - .35), Math.max(0, 3 * v - 2) + .25 * v * (1 - v) * 2].map(c => 255 * Math.min(1, c));
const signed = v => { // blue below nothing, orange above
  const t = Math.min(1, Math.abs(v));
  return v < 0 ? [40 + 30 * t, 40 + 105 * t, 48 + 207 * t] : [40 + 215 * t, 40 + 110 * t, 48 - 20 * t];
};
// Each scale as a table of colours, for values from -1 to 1 in 255 steps a side.
const table = colour => Uint32Array.from({length: 511}, (_, i) => colour((i - 255) / 255).reduce((rgba, c, k) => rgba | Math.max(0, Math.min(255, c)) << 8 * k, 0));
const SCALES = {grey: table(v => grey(Math.max(0, v))), heat: table(v => heat(Math.max(0, v))), signed: table(signed)};

// One plane of `shape` [height, width], or several [n, height, width] in `columns`; returns where each lies.
export function drawPlanes(canvas, shape, values, {columns = 1, scale = 'heat', most = 0, dim = () => false} = {}) {
  const [n, height, width] = shape.length === 3 ? shape : [1, ...shape];
  const rows = Math.ceil(n / columns), gap = n > 1 ? 1 : 0;
  canvas.width = columns * (width + gap) - gap;
  canvas.height = rows * (height + gap) - gap;
  most ||= values.reduce((a, v) => Math.max(a, Math.abs(v)), 1e-6);
  const picture = new ImageData(canvas.width, canvas.height), colours = SCALES[scale], out = new Uint32Array(picture.data.buffer), by = 255 / most;
  for (let plane = 0; plane < n; plane++) {
    const left = plane % columns * (width + gap), top = Math.floor(plane / columns) * (height + gap), opaque = (dim(plane) ? 70 : 255) << 24;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const v = Math.max(-255, Math.min(255, Math.round(values[(plane * height + y) * width + x] * by)));
        out[(top + y) * canvas.width + left + x] = colours[v + 255] | opaque;
      }
    }
  }
  canvas.getContext('2d').putImageData(picture, 0, 0);
}

// Which plane, row and column lie under a place of the canvas, each in parts of its size.
export function placeIn(shape, columns, x, y) {
  const [n, height, width] = shape.length === 3 ? shape : [1, ...shape], gap = n > 1 ? 1 : 0;
  const px = x * (columns * (width + gap) - gap), py = y * (Math.ceil(n / columns) * (height + gap) - gap);
  const inside = (v, size) => Math.min(size - 1, Math.floor(v % (size + gap)));
  const plane = Math.floor(py / (height + gap)) * columns + Math.floor(px / (width + gap));
  return plane < n && px >= 0 && py >= 0 ? {plane, row: inside(py, height), column: inside(px, width)} : null;
}

// Work in small parts, so that the page goes on answering: gives way every `most` milliseconds, and ends when `wanted()` is false.
export async function* inParts(items, wanted, most = 12) {
  let start = performance.now();
  for (const item of items) {
    if (performance.now() - start > most) {
      await new Promise(done => setTimeout(done));
      if (!wanted()) return;
      start = performance.now();
    }
    yield item;
  }
}

export function make(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in element && !name.includes('-')) element[name] = value; else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
