// Why this digit and not another: what happens to the lead when a part is covered, and the least that turns it around.
import {drawPlanes, inParts, make} from './pictures.js';

const SIDE = 28, COVER = 5;

// How much of the lead of class `a` over class `b` is lost where a patch is covered: for each pixel the mean of all patches over it.
export async function occlusion(engine, pixels, a, b, wanted = () => true) {
  const lead = p => { engine.probabilitiesOf(p); return engine.scores[a] - engine.scores[b]; };
  const whole = lead(pixels), lost = new Float32Array(SIDE * SIDE), times = new Float32Array(SIDE * SIDE);
  const places = Array.from({length: 26 * 26}, (_, i) => [i % 26 - 1, Math.floor(i / 26) - 1]); // left and top of the patch
  for await (const [left, top] of inParts(places, wanted)) {
    const covered = pixels.slice(), cells = [];
    for (let y = Math.max(0, top); y < Math.min(SIDE, top + COVER); y++)
      for (let x = Math.max(0, left); x < Math.min(SIDE, left + COVER); x++) cells.push(y * SIDE + x);
    for (const i of cells) covered[i] = 0;
    const drop = cells.some(i => pixels[i] > 0) ? whole - lead(covered) : 0;
    for (const i of cells) { lost[i] += drop; times[i] += 1; }
  }
  return wanted() ? lost.map((v, i) => v / times[i]) : null;
}

// A small change, found greedily: again and again the dab, of ink or of an eraser, that brings class `b` closest, until it is ahead; then
// each dab that is not needed is taken back. Yields the picture after each step.
const DAB = [[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]];

export async function* smallestChange(engine, pixels, b, wanted = () => true, most = 30) {
  const lead = p => { engine.probabilitiesOf(p); return engine.scores[b] - Math.max(...engine.scores.filter((_, i) => i !== b)); };
  const dab = (p, {x, y, ink}) => {
    const out = p.slice();
    for (const [dx, dy] of DAB) {
      const u = x + dx, v = y + dy;
      if (u >= 0 && v >= 0 && u < SIDE && v < SIDE) out[v * SIDE + u] = ink;
    }
    return out;
  };
  const all = dabs => dabs.reduce(dab, pixels), places = [];
  for (let y = 1; y < SIDE - 1; y++) for (let x = 1; x < SIDE - 1; x++) for (const ink of [0, 255]) places.push({x, y, ink});
  let dabs = [], now = pixels;
  while (lead(now) <= 0) {
    if (dabs.length === most) return; // no small change does it
    let best = null, highest = -Infinity;
    const near = places.filter(({x, y, ink}) => DAB.some(([dx, dy]) => Math.abs(now[(y + dy) * SIDE + x + dx] - ink) > 100));
    for await (const place of inParts(near, wanted)) {
      const d = lead(dab(now, place));
      if (d > highest) [best, highest] = [place, d];
    }
    if (!wanted() || !best) return;
    dabs.push(best);
    now = dab(now, best);
    yield {pixels: now, dabs: dabs.length, done: false};
  }
  for (const one of [...dabs]) {
    const without = dabs.filter(other => other !== one);
    if (lead(all(without)) > 0) dabs = without;
  }
  now = all(dabs);
  yield {pixels: now, dabs: dabs.length, done: true};
}

export class Why {
  #turn = 0; // of the search
  #shown = 0; // of the map

  constructor(root, {engine, bench}) {
    Object.assign(this, {engine, bench});
    this.title = make('h2', {textContent: 'Why this digit?', id: 'why-title'});
    this.rival = make('select', {id: 'rival'}, ...engine.about.classes.map(c => make('option', {value: c, textContent: c})));
    this.rival.addEventListener('change', () => this.#start(Number(this.rival.value)));
    this.map = make('canvas', {role: 'img', 'aria-label': 'What speaks for the answer'});
    this.turned = make('canvas', {role: 'img', 'aria-label': 'A small change'});
    this.said = make('p', {className: 'small', role: 'status'});
    this.find = make('button', {type: 'button', textContent: 'Find a small change', onclick: () => this.#search()});
    this.legend = make('figcaption', {className: 'small'});
    root.append(this.title, make('p', {}, make('label', {htmlFor: 'rival', textContent: 'Rather than '}), this.rival),
      make('div', {className: 'pair'}, make('figure', {}, this.map, this.legend),
           make('figure', {}, this.turned, make('figcaption', {className: 'small', textContent: 'A small change that turns the answer, found step by step: orange is added, blue taken away.'}))),
      make('p', {}, this.find), this.said);
  }

  stop() { this.#turn += 1; this.#shown += 1; }

  update(pixels, answer) {
    this.pixels = pixels;
    this.stop();
    this.find.disabled = this.rival.disabled = !pixels;
    this.said.textContent = '';
    for (const canvas of [this.map, this.turned]) canvas.width = canvas.height = SIDE;
    if (!pixels) {
      this.title.textContent = 'Why this digit?';
      this.legend.textContent = '';
      this.find.textContent = 'Find a small change';
      return;
    }
    this.answer = answer;
    this.a = answer.probabilities.indexOf(Math.max(...answer.probabilities));
    this.rival.querySelectorAll('option').forEach((option, i) => { option.disabled = i === this.a; });
    this.#start(this.engine.about.classes.indexOf(answer.second));
  }

  async #start(b) {
    this.stop();
    const mine = this.#shown, {classes} = this.engine.about, {pixels, a} = this;
    this.b = b;
    this.find.disabled = false;
    this.said.textContent = '';
    this.rival.value = classes[b];
    this.title.textContent = this.answer.rejected ? `Nearest to ${classes[a]}. Why not ${classes[b]}?` : `Why ${classes[a]}, and not ${classes[b]}?`;
    this.legend.textContent = `Where covering the digit costs ${classes[a]} its lead over ${classes[b]} (orange), and where it adds to it (blue).`;
    this.find.textContent = `Find a small change that makes it ${classes[b]}`;
    drawPlanes(this.turned, [SIDE, SIDE], pixels, {scale: 'grey', most: 255});
    const lost = await occlusion(this.bench.follow(this.engine), pixels, a, b, () => mine === this.#shown);
    if (!lost) return;
    this.#over(this.map, pixels, lost, Math.max(...lost.map(Math.abs), 1e-6));
    this.map.dataset.done = mine;
  }

  async #search() {
    const mine = ++this.#turn, {pixels, b} = this, {classes} = this.engine.about;
    this.find.disabled = true;
    let last = null;
    for await (const step of smallestChange(this.bench.follow(this.engine), pixels, b, () => mine === this.#turn)) {
      last = step;
      this.#over(this.turned, pixels, Float32Array.from(step.pixels, (v, i) => v - pixels[i]), 255);
      this.said.textContent = `${step.dabs} dab${step.dabs > 1 ? 's' : ''} …`;
    }
    if (mine !== this.#turn) return;
    this.find.disabled = false;
    const changed = last?.pixels.reduce((n, v, i) => n + (v !== pixels[i]), 0);
    const sure = last?.done && this.bench.follow(this.engine).answerOf(last.pixels).probability;
    this.said.textContent = last?.done ? `${last.dabs} dab${last.dabs > 1 ? 's' : ''} of ink or eraser, ${changed} of 784 pixels: then ${classes[b]} is ahead, with ${(100 * sure).toFixed(0)} %.`
      : `No way to a ${classes[b]} was found within thirty dabs.`;
    this.turned.dataset.done = mine;
  }

  // A grey picture under colours.
  #over(canvas, pixels, values, most) {
    canvas.width = canvas.height = SIDE;
    const picture = new ImageData(SIDE, SIDE);
    values.forEach((v, i) => {
      const t = Math.min(1, Math.abs(v) / most), tint = v > 0 ? [255, 140, 20] : [60, 130, 255], under = .75 * pixels[i];
      picture.data.set([...tint.map(c => under * (1 - t) + c * t), 255], 4 * i);
    });
    canvas.getContext('2d').putImageData(picture, 0, 0);
  }
}
