// Ten thousand digits in the plane: those lie close together that the network finds alike. Made by `mnist-nb map`.
import {classColour, css, make} from './pictures.js';

const SIDE = 28, ACROSS = 100, LISTED = 24; // digits in a row of the sheet; digits in the list

export class DigitMap {
  #chosen = -1;
  #shown = [];

  static async load(folder, classes) {
    const [data, sheet] = await Promise.all([
      fetch(`${folder}/map.json`).then(r => r.json()),
      new Promise((done, failed) => { const image = new Image(); image.onload = () => done(image); image.onerror = failed; image.src = `${folder}/map.webp`; }),
    ]);
    return {...data, sheet, classes};
  }

  constructor(root, data, take) { // `take` is handed the pixels of the digit that is chosen
    Object.assign(this, {...data, take});
    this.n = data.labels.length;
    this.wrong = Array.from({length: this.n}, (_, i) => data.labels[i] !== data.answers[i]);
    this.errors = new Set(data.label_errors);
    const option = (value, text = value) => make('option', {value, textContent: text});
    this.kind = make('select', {id: 'map-class'}, option('', 'all classes'), ...data.classes.map(c => option(c, `only ${c}`)));
    this.which = make('select', {id: 'map-which'}, option('all', 'all digits'), option('wrong', 'misread'), option('refused', 'refused'),
                      ...(data.label_errors.length ? [option('errors', 'labels known to be wrong')] : []));
    this.writer = data.writers && make('select', {id: 'map-writer'}, option('', 'all writers'),
                                        ...[...new Set(data.writers)].sort((a, b) => a - b).map(w => option(w, `writer ${w}`)));
    this.order = make('select', {id: 'map-order'}, option('worst', 'worst mistakes first'), option('least', 'least sure first'), option('most', 'surest first'));
    this.canvas = make('canvas', {id: 'map-canvas', tabIndex: 0, role: 'application', 'aria-roledescription': 'map', 'aria-label': 'Map of the test digits; arrow keys go through them as they are sorted, Enter looks inside'});
    this.card = make('p', {className: 'card', ariaLive: 'polite'});
    this.list = make('div', {className: 'digits'});
    this.count = make('p', {className: 'small', role: 'status'});
    const labelled = (text, select) => make('label', {}, `${text} `, select);
    root.append(make('div', {className: 'filters'}, labelled('Class', this.kind), labelled('Which', this.which),
      ...(this.writer ? [labelled('Writer', this.writer)] : []), labelled('Sorted', this.order)),
      make('div', {className: 'plane'}, this.canvas, this.card), this.count, this.list);
    root.addEventListener('change', () => this.filter());
    const point = event => {
      const box = this.canvas.getBoundingClientRect();
      return this.#nearest((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    };
    this.canvas.addEventListener('pointermove', event => { if (event.pointerType === 'mouse') this.choose(point(event)); });
    this.canvas.addEventListener('click', event => { // where there is no mouse to point with, the first tap shows
      const i = point(event), known = i === this.#chosen;
      this.choose(i);
      if (known || event.pointerType === 'mouse') this.hand(i);
    });
    this.canvas.addEventListener('keydown', event => {
      const step = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1}[event.key];
      if (step) this.choose(this.#shown[Math.min(this.#shown.length - 1, Math.max(0, this.#shown.indexOf(this.#chosen) + step))]);
      else if (event.key === 'Enter') this.hand(this.#chosen);
      else return;
      event.preventDefault();
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
    this.filter();
  }

  pixelsOf(i) { // what the sheet has of it: eight shades of grey
    const canvas = make('canvas', {width: SIDE, height: SIDE}), pen = canvas.getContext('2d', {willReadFrequently: true});
    pen.drawImage(this.sheet, i % ACROSS * SIDE, Math.floor(i / ACROSS) * SIDE, SIDE, SIDE, 0, 0, SIDE, SIDE);
    const {data} = pen.getImageData(0, 0, SIDE, SIDE);
    return Uint8Array.from({length: SIDE * SIDE}, (_, k) => data[4 * k]);
  }

  hand(i) { if (i >= 0) this.take(this.pixelsOf(i), this.tell(i)); }

  tell(i) {
    const sure = `${(100 * this.sure[i]).toFixed(1)} %`, refused = this.sure[i] < this.reject_below ? ', refused' : '';
    const wrong = this.errors.has(i) ? '; its label is known to be wrong' : this.wrong[i] ? ', misread' : '';
    return `Test digit ${i}, labelled ${this.labels[i]}: read as ${this.answers[i]}, ${sure}${refused}${wrong}${this.writers ? `; writer ${this.writers[i]}` : ''}`;
  }

  filter() {
    const keep = {all: () => true, wrong: i => this.wrong[i], refused: i => this.sure[i] < this.reject_below, errors: i => this.errors.has(i)}[this.which.value];
    const found = [];
    for (let i = 0; i < this.n; i++) {
      if (keep(i) && (!this.kind.value || this.labels[i] === this.kind.value) && (!this.writer?.value || this.writers[i] === Number(this.writer.value))) found.push(i);
    }
    // a wrong answer that is sure is worse than one that is not
    const rank = {worst: i => this.wrong[i] ? -this.sure[i] : this.sure[i], least: i => this.sure[i], most: i => -this.sure[i]}[this.order.value];
    this.#shown = found.sort((i, j) => rank(i) - rank(j));
    const misread = found.filter(i => this.wrong[i]).length;
    this.count.textContent = `${found.length.toLocaleString('en')} of ${this.n.toLocaleString('en')} test digits of ${this.dataset}, ${misread} of them misread by ${this.model}`
      + (found.length > LISTED ? `; the first ${LISTED}:` : ':');
    this.list.replaceChildren(...this.#shown.slice(0, LISTED).map(i => {
      const canvas = make('canvas', {width: SIDE, height: SIDE});
      canvas.getContext('2d').drawImage(this.sheet, i % ACROSS * SIDE, Math.floor(i / ACROSS) * SIDE, SIDE, SIDE, 0, 0, SIDE, SIDE);
      const button = make('button', {type: 'button', title: this.tell(i), 'aria-label': this.tell(i)}, canvas, `${this.labels[i]}→${this.answers[i]}`);
      button.addEventListener('click', () => { this.choose(i); this.hand(i); });
      return button;
    }));
    this.choose(this.#shown[0] ?? -1);
    this.draw();
  }

  #place(i) { return [.02 + .96 * this.x[i] / 1023, .02 + .96 * this.y[i] / 1023]; }

  #nearest(x, y) {
    let best = -1, least = Infinity;
    for (const i of this.#shown) {
      const [u, v] = this.#place(i), d = (u - x) ** 2 + (v - y) ** 2;
      if (d < least) [best, least] = [i, d];
    }
    return best;
  }

  choose(i = -1) {
    if (i === this.#chosen) return;
    this.#chosen = i;
    const canvas = make('canvas', {width: SIDE, height: SIDE});
    if (i >= 0) canvas.getContext('2d').drawImage(this.sheet, i % ACROSS * SIDE, Math.floor(i / ACROSS) * SIDE, SIDE, SIDE, 0, 0, SIDE, SIDE);
    this.card.replaceChildren(...(i >= 0 ? [canvas, make('span', {}, `${this.tell(i)}. `, make('button', {type: 'button', textContent: 'Look inside', onclick: () => this.hand(i)}))] : ['No such digit.']));
    this.draw();
  }

  draw() {
    const {canvas} = this, side = Math.round(canvas.clientWidth * (devicePixelRatio || 1));
    if (!side) return;
    canvas.width = canvas.height = side;
    const pen = canvas.getContext('2d'), colours = this.classes.map((_, i) => classColour(i)), size = Math.max(1.5, side / 420);
    for (const i of this.#shown) {
      const [x, y] = this.#place(i).map(v => v * side);
      pen.fillStyle = colours[this.classes.indexOf(Number(this.labels[i]))];
      pen.fillRect(x - size / 2, y - size / 2, size, size);
    }
    pen.lineWidth = Math.max(1, side / 600);
    pen.strokeStyle = css('--ink');
    for (const i of this.#shown.filter(i => this.wrong[i])) {
      const [x, y] = this.#place(i).map(v => v * side);
      pen.beginPath();
      pen.arc(x, y, 2.2 * size, 0, 7);
      pen.stroke();
    }
    pen.font = `700 ${Math.round(side / 26)}px system-ui, sans-serif`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    for (const [c, name] of this.classes.entries()) { // the class's name where most of it lies: at its median
      const own = this.#shown.filter(i => Number(this.labels[i]) === name);
      if (own.length < 50) continue;
      const middle = values => values.sort((a, b) => a - b)[values.length >> 1];
      const [x, y] = [middle(own.map(i => this.#place(i)[0])), middle(own.map(i => this.#place(i)[1]))].map(v => v * side);
      pen.lineWidth = side / 130;
      pen.strokeStyle = css('--paper');
      pen.strokeText(name, x, y);
      pen.fillStyle = colours[c];
      pen.fillText(name, x, y);
    }
    if (this.#chosen >= 0) {
      const [x, y] = this.#place(this.#chosen).map(v => v * side);
      pen.lineWidth = side / 250;
      pen.strokeStyle = css('--mark');
      pen.beginPath();
      pen.arc(x, y, 4 * size, 0, 7);
      pen.stroke();
    }
  }
}
