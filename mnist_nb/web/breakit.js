// Sliders that spoil the picture, and for each a curve: what the network would say at every place of the slider.
import {CHANGES, changed, stepsOf} from './changes.js';
import {classColour, css, inParts, make} from './pictures.js';

const written = (v, {unit, step}) => `${(step < 1 ? v.toFixed(2).replace(/\.?0+$/, '') : `${v}`).replace('-', '−')}${Math.abs(v) === 1 ? unit.replace('pixels', 'pixel') : unit}`;

export class BreakIt {
  amounts = {};
  #turn = 0;

  constructor(root, {engine, bench}, ask) {
    Object.assign(this, {engine, bench, ask});
    this.rows = CHANGES.map(change => this.#row(change));
    root.append(...this.rows.map(row => row.box), make('p', {}, make('button', {type: 'button', textContent: 'All back', onclick: () => this.reset()})));
    new ResizeObserver(() => this.rows.forEach(row => this.#draw(row))).observe(root);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.rows.forEach(row => this.#draw(row)));
  }

  #row(change) {
    const {name, label, from, to, step, rest} = change, id = `change-${name}`;
    const slider = make('input', {type: 'range', id, min: from, max: to, step, value: rest});
    const shown = make('output', {textContent: written(rest, change)}), canvas = make('canvas', {role: 'img', 'aria-label': label});
    const told = make('p', {className: 'small'}), row = {change, slider, shown, canvas, told, curve: null, stale: true};
    slider.addEventListener('input', () => {
      this.amounts[name] = slider.valueAsNumber;
      shown.textContent = written(slider.valueAsNumber, change);
      this.ask(name);
    });
    row.box = make('div', {className: 'change'}, make('label', {htmlFor: id, textContent: label}), shown, canvas, slider, told);
    return row;
  }

  reset() {
    this.rest();
    this.ask();
  }

  rest() {
    this.amounts = {};
    for (const {slider, shown, change} of this.rows) {
      slider.value = change.rest;
      shown.textContent = written(change.rest, change);
    }
  }

  get isBroken() { return CHANGES.some(({name, rest}) => (this.amounts[name] ?? rest) !== rest); }

  apply(pixels) { return changed(pixels, this.amounts); }

  // What is shown is no longer so: all curves are to be made anew, but for that of the slider that moves.
  stop(moved) {
    this.#turn += 1;
    for (const row of this.rows) if (row.change.name !== moved) row.stale = true;
  }

  // The curves that are stale; the slider that is being moved needs none: its own curve stays, the mark on it moves.
  async update(pixels) {
    const mine = ++this.#turn, rows = this.rows.filter(row => row.stale);
    this.rows.forEach(row => this.#draw(row));
    if (!pixels) return this.rows.forEach(row => { row.curve = null; row.told.textContent = ''; row.canvas.setAttribute('aria-label', row.change.label); this.#draw(row); });
    this.bench.follow(this.engine);
    const jobs = rows.flatMap(row => { row.next = []; return stepsOf(row.change).map((amount, i, all) => ({row, amount, last: i === all.length - 1})); });
    for await (const {row, amount, last} of inParts(jobs, () => mine === this.#turn)) {
      row.next.push(Array.from(this.bench.probabilitiesOf(changed(pixels, {...this.amounts, [row.change.name]: amount}))));
      if (last) { row.curve = row.next; row.stale = false; this.#draw(row); this.#say(row); }
    }
  }

  #say({curve, change, told, canvas}) {
    const least = this.engine.about.reject_below, steps = stepsOf(change), parts = [];
    curve.forEach((p, i) => {
      const best = p.indexOf(Math.max(...p)), says = p[best] < least ? 'nothing for sure' : this.engine.about.classes[best];
      if (parts.at(-1)?.says !== says) parts.push({says, from: steps[i], to: steps[i]}); else parts.at(-1).to = steps[i];
    });
    const between = ({says, from, to}) => `${says} ${from === to ? `at ${written(from, change)}` : `from ${written(from, change)} to ${written(to, change)}`}`;
    const kept = parts.length > 6 ? parts.filter(({from, to}) => to - from >= 2 * change.step) : parts;
    told.textContent = kept.map(between).join('; ');
    canvas.setAttribute('aria-label', `${change.label}: ${told.textContent}`);
  }

  #draw({canvas, curve, change, slider}) {
    const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight, pen = canvas.getContext('2d');
    if (!width) return;
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    pen.scale(ratio, ratio);
    const {from, to} = change, steps = stepsOf(change), inset = 8; // half of the slider's knob
    const x = v => inset + (v - from) / (to - from) * (width - 2 * inset), y = p => 14 + (1 - p) * (height - 18);
    pen.strokeStyle = css('--line');
    pen.lineWidth = 1;
    for (const p of [0, 1]) { pen.beginPath(); pen.moveTo(inset, y(p)); pen.lineTo(width - inset, y(p)); pen.stroke(); }
    if (curve) {
      pen.font = '600 12px system-ui, sans-serif';
      pen.textAlign = 'center';
      for (const i of this.engine.about.classes.keys()) {
        const own = curve.map(p => p[i]), most = Math.max(...own);
        if (most < .1) continue;
        pen.strokeStyle = pen.fillStyle = classColour(i);
        pen.lineWidth = 2;
        pen.beginPath();
        own.forEach((p, k) => pen[k ? 'lineTo' : 'moveTo'](x(steps[k]), y(p)));
        pen.stroke();
        let longest = 0, run = 0, at = 0; // its name stands over the middle of its longest stay near its most
        own.forEach((p, k) => { run = p > .9 * most ? run + 1 : 0; if (run > longest) [longest, at] = [run, k - (run - 1) / 2]; });
        pen.fillText(this.engine.about.classes[i], x(from + at * (to - from) / (steps.length - 1)), Math.max(11, y(most) - 3));
      }
    }
    pen.strokeStyle = css('--ink');
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(x(slider.valueAsNumber), 14);
    pen.lineTo(x(slider.valueAsNumber), height);
    pen.stroke();
    pen.setLineDash([]);
  }
}
