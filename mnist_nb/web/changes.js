// What can be done to a picture of 28 x 28 bytes: each takes pixels and an amount, and makes new pixels.

const SIDE = 28, MIDDLE = 13.5;

// Pixels taken from elsewhere: `from(x, y)` says where the pixel at x, y (from the middle) comes from.
function moved(pixels, from) {
  const out = new Uint8Array(SIDE * SIDE), at = (x, y) => x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : pixels[y * SIDE + x];
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const [u, v] = from(x - MIDDLE, y - MIDDLE).map(p => p + MIDDLE), i = Math.floor(u), j = Math.floor(v), s = u - i, t = v - j;
      out[y * SIDE + x] = (1 - t) * ((1 - s) * at(i, j) + s * at(i + 1, j)) + t * ((1 - s) * at(i, j + 1) + s * at(i + 1, j + 1)) + .5;
    }
  }
  return out;
}

function turn(pixels, degrees) {
  const a = degrees * Math.PI / 180, [c, s] = [Math.cos(a), Math.sin(a)];
  return moved(pixels, (x, y) => [c * x + s * y, c * y - s * x]);
}

// The largest value within reach: a pixel that is only partly within it counts as much as it is.
function spread(pixels, reach) {
  const out = new Uint8Array(SIDE * SIDE), far = Math.ceil(reach);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      let most = 0;
      for (let j = Math.max(0, y - far); j <= Math.min(SIDE - 1, y + far); j++) {
        for (let i = Math.max(0, x - far); i <= Math.min(SIDE - 1, x + far); i++) {
          const share = Math.min(1, reach + 1 - Math.hypot(i - x, j - y));
          if (share > 0) most = Math.max(most, share * pixels[j * SIDE + i]);
        }
      }
      out[y * SIDE + x] = most;
    }
  }
  return out;
}

const inverse = pixels => pixels.map(v => 255 - v);
const pen = (pixels, reach) => reach < 0 ? inverse(spread(inverse(pixels), -reach)) : spread(pixels, reach);

function blur(pixels, sigma) {
  if (!sigma) return pixels;
  const far = Math.ceil(3 * sigma), weights = Array.from({length: 2 * far + 1}, (_, i) => Math.exp(-((i - far) ** 2) / (2 * sigma * sigma)));
  const total = weights.reduce((a, b) => a + b), pass = (values, across) => Float32Array.from(values, (_, at) => {
    const x = at % SIDE, y = Math.floor(at / SIDE);
    return weights.reduce((sum, w, i) => {
      const u = across ? x + i - far : x, v = across ? y : y + i - far;
      return u < 0 || v < 0 || u >= SIDE || v >= SIDE ? sum : sum + w * values[v * SIDE + u];
    }, 0) / total;
  });
  return Uint8Array.from(pass(pass(pixels, true), false), v => v + .5);
}

// The same grains at every amount (mulberry32): more of the slider is more of the same noise.
const GRAINS = Float32Array.from({length: SIDE * SIDE}, (_, i) => {
  let t = (i + 1) * 0x6d2b79f5;
  t = Math.imul(t ^ t >>> 15, t | 1);
  t ^= t + Math.imul(t ^ t >>> 7, t | 61);
  return ((t ^ t >>> 14) >>> 0) / 2 ** 31 - 1;
});
const noise = (pixels, amount) => Uint8Array.from(pixels, (v, i) => Math.min(255, Math.max(0, v + 255 * amount * GRAINS[i])));

function erase(pixels, share) { // of the rows that hold something, from below
  const rows = Array.from({length: SIDE}, (_, y) => y).filter(y => pixels.subarray(y * SIDE, (y + 1) * SIDE).some(v => v > 30));
  const last = (rows.at(-1) ?? 0) + 1, from = last - share * (last - (rows[0] ?? 0));
  return pixels.map((v, i) => Math.floor(i / SIDE) < from - 1e-6 ? v : 0);
}

export const CHANGES = [
  {name: 'turn', label: 'Turn', unit: '°', from: -180, to: 180, step: 5, rest: 0, apply: turn},
  {name: 'across', label: 'Shift sideways', unit: ' pixels', from: -10, to: 10, step: .5, rest: 0, apply: (p, d) => moved(p, (x, y) => [x - d, y])},
  {name: 'down', label: 'Shift down', unit: ' pixels', from: -10, to: 10, step: .5, rest: 0, apply: (p, d) => moved(p, (x, y) => [x, y - d])},
  {name: 'size', label: 'Shrink or grow', unit: ' ×', from: .3, to: 1.6, step: .05, rest: 1, apply: (p, f) => moved(p, (x, y) => [x / f, y / f])},
  {name: 'pen', label: 'Thin or thicken', unit: ' pixels', from: -2, to: 3, step: .125, rest: 0, apply: pen},
  {name: 'blur', label: 'Blur', unit: ' pixels', from: 0, to: 4, step: .125, rest: 0, apply: blur},
  {name: 'noise', label: 'Add noise', unit: '', from: 0, to: 1.5, step: .05, rest: 0, apply: noise},
  {name: 'erase', label: 'Erase from below', unit: '', from: 0, to: 1, step: .04, rest: 0, apply: erase},
];

// All changes, one after the other, each by its amount.
export const changed = (pixels, amounts) => CHANGES.reduce(
  (now, {name, rest, apply}) => (amounts[name] ?? rest) === rest ? now : apply(now, amounts[name]), pixels);

// Steps of a change from one end to the other.
export const stepsOf = ({from, to, step}) => Array.from({length: Math.round((to - from) / step) + 1}, (_, i) => from + i * step);
