// From strokes of a pen to what MNIST's pictures are: 28 x 28 bytes, the digit 20 high or wide,
// its pen as wide as MNIST's, its centre of mass in the middle. Both engines are shown the same bytes.

const BOX = 20, SIDE = 28, PEN = [2.2, 4.2]; // pixels; widths of the pen, least and largest

// A stroke is a list of points {x, y, width}, all in the same unit, whatever it is.
export function toMnist(strokes) {
  const points = strokes.flat();
  if (!points.length) return null;
  const [left, right] = range(points.map(p => p.x)), [top, bottom] = range(points.map(p => p.y));
  const longest = Math.max(right - left, bottom - top);
  const width = points.reduce((sum, p) => sum + p.width, 0) / points.length;
  const pen = Math.min(PEN[1], Math.max(PEN[0], width * BOX / (longest + width)));
  const scale = longest < 2 * width ? pen / width : (BOX - pen) / longest; // a dot stays a dot
  const wide = (right - left) * scale + pen, high = (bottom - top) * scale + pen;
  const place = p => ({x: (p.x - left) * scale + pen / 2, y: (p.y - top) * scale + pen / 2, r: p.width / width * pen / 2});
  const box = draw(strokes.map(s => s.map(place)), Math.min(BOX, Math.ceil(wide)), Math.min(BOX, Math.ceil(high)));
  return centre(box);
}

// Several digits, from left to right: strokes that lie above each other, or touch, belong to one.
// What is low or flat is no digit: dots are left out, the bar of a five goes to the digit below it.
export function digitsOf(strokes) {
  const parts = strokes.filter(stroke => stroke.length).map(stroke => ({stroke, box: boxOf(stroke)})), digits = [];
  const tallest = Math.max(...parts.map(part => heightOf(part.box)));
  const isLow = ({box}) => heightOf(box) < .4 * tallest || box.right - box.left > 2 * heightOf(box);
  const isDot = ({box}) => Math.max(box.right - box.left, heightOf(box)) < .2 * tallest;
  for (const part of parts) {
    const near = digits.filter(digit => digit.some(other => together(part, other)));
    for (const digit of near) digits.splice(digits.indexOf(digit), 1);
    digits.push([...near.flat(), part]);
  }
  const tall = digits.filter(digit => !digit.every(isLow));
  if (!tall.length) tall.push(...digits.splice(0));
  for (const low of digits.filter(digit => digit.every(isLow) && !digit.every(isDot))) {
    const box = around(low), gap = digit => apart(around(digit), box);
    const nearest = tall.reduce((a, b) => gap(b) < gap(a) ? b : a);
    if (gap(nearest) < .2 * tallest && box.bottom - around(nearest).top < .3 * tallest) nearest.push(...low);
    else tall.push(low);
  }
  const middle = digit => around(digit).left + around(digit).right;
  return tall.sort((a, b) => middle(a) - middle(b)).map(digit => digit.map(part => part.stroke));
}

const heightOf = box => box.bottom - box.top + box.pen;
const apart = (a, b) => Math.max(a.left, b.left) - Math.min(a.right, b.right); // negative where one is above the other

function around(parts) {
  const of = side => parts.map(part => part.box[side]);
  const [left, top] = ['left', 'top'].map(side => Math.min(...of(side)));
  const [right, bottom] = ['right', 'bottom'].map(side => Math.max(...of(side)));
  return {left, right, top, bottom, pen: Math.max(...of('pen'))};
}

function boxOf(stroke) {
  const [left, right] = range(stroke.map(p => p.x)), [top, bottom] = range(stroke.map(p => p.y));
  const pen = stroke.reduce((sum, p) => sum + p.width, 0) / stroke.length;
  return {left: left - pen / 2, right: right + pen / 2, top, bottom, pen};
}

function together({stroke: p, box: a}, {stroke: q, box: b}) {
  const reach = .4 * (a.pen + b.pen), over = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  if (over > .4 * Math.min(a.right - a.left, b.right - b.left)) return true;
  if (over < -reach || Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) < -reach) return false;
  return p.some(u => q.some((v, i) => distance(u, v, q[i + 1] ?? v) < reach));
}

function distance(p, a, b) { // of a point from a piece of a stroke
  const dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy || 1;
  const t = Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / square));
  return Math.hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

// Strokes as text for an address: of each point x, y and the pen's width, in 250 parts of the pad; 255 ends a stroke.
export function toText(strokes) {
  const bytes = strokes.flatMap(stroke => [...sparse(stroke).flatMap(p => [p.x * 250, p.y * 250, p.width * 1000].map(byte)), 255]);
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export function fromText(text) {
  let bytes;
  try { bytes = atob(text.replaceAll('-', '+').replaceAll('_', '/')); } catch { return []; }
  const strokes = [[]];
  for (let i = 0; i < bytes.length;) {
    if (bytes.charCodeAt(i) === 255) { strokes.push([]); i += 1; continue; }
    const [x, y, width] = [0, 1, 2].map(k => bytes.charCodeAt(i + k));
    if (!(x <= 250 && y <= 250 && width > 0 && width <= 250)) return []; // no drawing of ours
    strokes.at(-1).push({x: x / 250, y: y / 250, width: width / 1000});
    i += 3;
  }
  return strokes.filter(stroke => stroke.length);
}

const byte = value => Math.min(250, Math.max(0, Math.round(value)));

// Fewer points: one where the pen has moved on by a fiftieth of the pad, and the last.
const sparse = stroke => stroke.reduce((kept, p, i) => {
  const last = kept.at(-1);
  return !last || i === stroke.length - 1 || Math.hypot(p.x - last.x, p.y - last.y) > .02 ? [...kept, p] : kept;
}, []);

const range = values => [Math.min(...values), Math.max(...values)];

// Ink 0..1 of a stroke's picture: how far each pixel's middle lies inside the pen's trace.
function draw(strokes, width, height) {
  const ink = new Float32Array(width * height);
  for (const stroke of strokes) {
    for (let i = 0; i < Math.max(1, stroke.length - 1); i++) {
      const a = stroke[i], b = stroke[i + 1] ?? a, reach = Math.max(a.r, b.r) + 1;
      const [x0, x1] = range([a.x, b.x]), [y0, y1] = range([a.y, b.y]);
      const dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy || 1;
      for (let y = Math.max(0, Math.floor(y0 - reach)); y < Math.min(height, y1 + reach); y++) {
        for (let x = Math.max(0, Math.floor(x0 - reach)); x < Math.min(width, x1 + reach); x++) {
          const px = x + .5 - a.x, py = y + .5 - a.y;
          const t = Math.min(1, Math.max(0, (px * dx + py * dy) / square));
          const inside = a.r + t * (b.r - a.r) - Math.hypot(px - t * dx, py - t * dy) + .5;
          ink[y * width + x] = Math.max(ink[y * width + x], Math.min(1, inside));
        }
      }
    }
  }
  return {ink, width, height};
}

function centre({ink, width, height}) {
  let total = 0, massX = 0, massY = 0;
  ink.forEach((v, i) => { total += v; massX += v * (i % width); massY += v * Math.floor(i / width); });
  const put = (mass, size) => Math.min(SIDE - size, Math.max(0, Math.round(SIDE / 2 - mass / total)));
  const left = put(massX, width), top = put(massY, height), pixels = new Uint8Array(SIDE * SIDE);
  ink.forEach((v, i) => { pixels[(top + Math.floor(i / width)) * SIDE + left + i % width] = Math.round(255 * v); });
  return pixels;
}
