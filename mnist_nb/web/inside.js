// What happens inside: every layer's maps as little pictures; of one number the kernel, the patch under it, and the sum.
import {drawPlanes, make, placeIn} from './pictures.js';

const COLUMNS = {16: 8, 32: 8, 72: 24, 10: 10};
const NTH = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth'];
const round = v => v.toFixed(2).replace('-', '−');

export class Inside {
  #pinned = null; // {layer, plane, row, column}: chosen by a click or a key
  #under = null; // what the mouse is over: shown, and forgotten when it leaves

  get #chosen() { return this.#under ?? this.#pinned ?? this.#brightest(0); }

  constructor(root, {engine, bench}, ask) { // `ask` has the page read its picture again
    Object.assign(this, {engine, bench, ask});
    this.rows = engine.layers.map((layer, n) => this.#row(layer, n));
    this.toggle = make('button', {type: 'button', onclick: () => this.#toggle()});
    this.sums = make('div');
    this.effect = make('p', {className: 'effect'});
    this.heard = make('p', {className: 'hidden', role: 'status'}); // what a reader of screens says of a choice
    this.detail = make('div', {className: 'detail'}, this.sums, this.effect, this.toggle, this.heard);
    this.off = make('span');
    this.allOn = make('button', {type: 'button', textContent: 'Switch all on', onclick: () => this.reset()});
    root.append(...this.rows.map(row => row.figure), this.detail, make('p', {className: 'small cuts'}, this.off, this.allOn));
  }

  get cut() { return this.engine.layers.reduce((n, {factors}) => n + (factors?.filter(f => !f).length ?? 0), 0); }

  #row(layer, n) {
    const [count, height, width] = layer.weight.length === 4 ? layer.maps.shape : [layer.sums.shape[0], 1, 1];
    const columns = COLUMNS[count] ?? Math.ceil(Math.sqrt(count)), {name, what} = this.#named(layer, n);
    const canvas = make('canvas', {tabIndex: 0, className: width > 1 ? 'maps' : 'maps units', role: 'application',
                                   'aria-roledescription': 'pictures to go through with the arrow keys', 'aria-label': name});
    const under = event => {
      const box = canvas.getBoundingClientRect();
      const place = placeIn([count, height, width], columns, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
      return place && {layer: n, ...place};
    };
    canvas.addEventListener('pointermove', event => { if (event.pointerType === 'mouse') { this.#under = under(event); this.#tell(); } });
    canvas.addEventListener('pointerleave', () => { this.#under = null; this.#tell(); });
    canvas.addEventListener('pointerdown', event => this.#pin(under(event)));
    canvas.addEventListener('keydown', event => this.#key(event, n, [count, height, width], columns));
    const mark = make('span', {className: 'chosen', hidden: true}, make('span')), frame = make('div', {className: 'frame'}, canvas, mark);
    const figure = make('figure', {className: 'layer'}, make('figcaption', {}, make('strong', {textContent: name}), ` ${what}`), frame);
    if (!layer.maps) figure.append(make('div', {className: 'names', ariaHidden: 'true'}, ...this.engine.about.classes.map(c => make('span', {textContent: c}))));
    return {figure, canvas, mark, shape: [count, height, width], columns};
  }

  #named({maps, weight, stride}, n) {
    const which = `${NTH[n][0].toUpperCase()}${NTH[n].slice(1)} layer`, kernel = weight.slice(2).join(' × ');
    if (!maps) return {name: 'Ten scores', what: 'one for each digit; the largest is the answer.'};
    if (weight.length === 2) return {name: `${which}: ${maps.shape[0]} numbers`, what: 'each adds up everything below it, weighted.'};
    const [count, height, width] = maps.shape, before = n ? `all maps above` : 'the picture';
    return {name: `${which}: ${count} maps of ${height} × ${width}`, what: `each looks for one pattern of ${kernel} in ${before}${stride > 1 ? `, at every ${stride === 2 ? 'second' : `${stride}th`} pixel` : ''}.`};
  }

  #key(event, n, [count, height, width], columns) {
    const step = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns}[event.key];
    if (step) {
      const now = this.#chosen, plane = now.layer === n ? Math.min(count - 1, Math.max(0, now.plane + step)) : 0;
      this.#pin(this.#brightest(n, plane));
    } else if (event.key === ' ' && this.#pinned?.layer === n) this.#toggle();
    else return;
    event.preventDefault();
  }

  #pin(place) {
    if (!place) return;
    this.#under = null;
    this.#pinned = place;
    this.#tell();
    this.heard.textContent = `${this.sums.querySelector('h3').textContent}. ${this.effect.textContent}`;
  }

  // Of a layer, or of one of its maps, where the largest number is.
  #brightest(n, plane = null) {
    const {shape: [, height, width]} = this.rows[n], {values} = this.engine.layers[n].maps ?? this.engine.layers[n].sums;
    const size = height * width, own = plane === null ? values : values.subarray(plane * size, (plane + 1) * size);
    const at = own.indexOf(own.reduce((a, b) => Math.max(a, b), -Infinity)), inMap = at % size;
    return {layer: n, plane: plane ?? Math.floor(at / size), row: Math.floor(inMap / width), column: inMap % width};
  }

  update() {
    this.rows.forEach(({canvas, shape, columns}, n) => {
      const {maps, sums, factors} = this.engine.layers[n];
      drawPlanes(canvas, shape, (maps ?? sums).values, {columns, scale: maps ? 'heat' : 'signed', dim: i => factors?.[i] === 0});
    });
    const off = this.engine.layers.flatMap(({factors}, n) => Array.from(factors ?? []).flatMap((f, i) => f ? [] : `${i + 1} of the ${NTH[n]} layer`));
    this.off.textContent = off.length ? `Switched off: ${off.join(', ')}. ` : '';
    this.allOn.disabled = !off.length;
    this.#tell();
  }

  reset() {
    this.rest();
    this.ask();
    this.heard.textContent = 'All switched on.';
  }

  rest() {
    for (const {factors} of this.engine.layers) factors?.fill(1);
  }

  #toggle() {
    this.#pinned = this.#chosen;
    const {layer, plane} = this.#pinned, {factors} = this.engine.layers[layer];
    if (!factors) return;
    factors[plane] = 1 - factors[plane];
    this.ask();
    this.heard.textContent = `${factors[plane] ? 'Switched on' : 'Switched off'}. ${this.effect.textContent}`;
  }

  // The parts of one sum: kernel, what lies under it, their product, the bias.
  partsOf({layer: n, plane, row, column}) {
    const layer = this.engine.layers[n], {shape, values} = layer.weights, before = this.#below(n);
    const [, depth, tall = 1, wide = 1] = shape, size = depth * tall * wide, kernel = values.slice(plane * size, (plane + 1) * size);
    if (shape.length === 2) return {shape: before.shape, kernel, patch: before.values.slice(), bias: layer.biases[plane], sum: layer.sums.values[plane]};
    const [, high, across] = layer.sums.shape, pool = Math.round(across / layer.maps.shape[2]);
    let best = -Infinity, at = [0, 0]; // of what is pooled the largest sum is the map's number
    for (let y = row * pool; y < Math.min(high, (row + 1) * pool); y++) {
      for (let x = column * pool; x < Math.min(across, (column + 1) * pool); x++) {
        const sum = layer.sums.values[(plane * high + y) * across + x];
        if (sum > best) [best, at] = [sum, [y, x]];
      }
    }
    const [, below, beside] = before.shape, patch = Float32Array.from({length: size}, (_, i) => {
      const c = Math.floor(i / (tall * wide)), y = at[0] * layer.stride - layer.padding + Math.floor(i / wide) % tall, x = at[1] * layer.stride - layer.padding + i % wide;
      return y < 0 || x < 0 || y >= below || x >= beside ? 0 : before.values[(c * below + y) * beside + x];
    });
    return {shape: [depth, tall, wide], kernel, patch, bias: layer.biases[plane], sum: best};
  }

  #below(n) {
    if (n) return this.engine.layers[n - 1].maps;
    const {mean, std} = this.engine.about;
    return {shape: [1, 28, 28], values: Float32Array.from(this.engine.seen, v => (v / 255 - mean) / std)};
  }

  // A frame around the map that is spoken of, and around the number in it.
  #mark() {
    this.rows.forEach(({mark, shape: [count, height, width], columns}, n) => {
      mark.hidden = this.#chosen.layer !== n;
      if (mark.hidden) return;
      const {plane, row, column} = this.#chosen, gap = count > 1 ? 1 : 0, rows = Math.ceil(count / columns);
      const across = columns * (width + gap) - gap, down = rows * (height + gap) - gap, share = (v, all) => `${100 * v / all}%`;
      Object.assign(mark.style, {left: share(plane % columns * (width + gap), across), top: share(Math.floor(plane / columns) * (height + gap), down),
                                 width: share(width, across), height: share(height, down)});
      Object.assign(mark.firstChild.style, {left: share(column, width), top: share(row, height), width: share(1, width), height: share(1, height)});
    });
  }

  #tell() {
    this.#mark();
    const place = this.#chosen, {layer: n, plane} = place, layer = this.engine.layers[n], {shape, kernel, patch, bias, sum} = this.partsOf(place);
    const product = kernel.map((w, i) => w * patch[i]), added = product.reduce((a, b) => a + b, 0), flat = shape.length === 1;
    const planes = flat ? [shape[0], 1, 1] : shape, columns = flat ? 12 : COLUMNS[planes[0]] ?? Math.ceil(Math.sqrt(planes[0]));
    const under = n ? 'the maps above' : 'the picture, normalised';
    const picture = (title, values, scale) => {
      const canvas = make('canvas', {role: 'img', 'aria-label': title});
      drawPlanes(canvas, planes, values, {columns, scale});
      return make('figure', {}, canvas, make('figcaption', {className: 'small', textContent: title}));
    };
    const what = !layer.maps ? `The score of ${this.engine.about.classes[plane]}`
      : layer.weight.length === 2 ? `Number ${plane + 1} of the ${NTH[n]} layer`
      : `Map ${plane + 1} of the ${NTH[n]} layer, at row ${place.row + 1}, column ${place.column + 1}`;
    const zero = layer.maps && sum < 0 ? ', and less than zero counts as zero' : '';
    this.sums.replaceChildren(
      make('h3', {textContent: what}),
      make('div', {className: 'parts'}, picture(layer.weight.length === 2 ? 'its weights' : 'its kernel', kernel, 'signed'),
           make('span', {textContent: '×'}), picture(under, patch, n ? 'heat' : 'grey'), make('span', {textContent: '='}), picture('product', product, 'signed')),
      make('p', {}, `Added up: ${round(added)}; with the bias of ${round(bias)}: `, make('strong', {textContent: round(sum)}), `${zero}.`),
    );
    this.toggle.disabled = !layer.factors;
    this.toggle.textContent = layer.factors?.[plane] === 0 ? 'Switch it on again' : 'Switch it off';
    this.effect.textContent = '';
    if (layer.factors && !this.#under) this.#tellEffect();
  }

  // What the network reads with the map that is chosen, and without it.
  #tellEffect() {
    const {layer: n, plane} = this.#chosen;
    if (!this.engine.layers[n].factors || !this.engine.seen.some(v => v)) return;
    const told = ({digit, probability, rejected}) => rejected ? 'no digit for sure' : `${digit} (${(100 * probability).toFixed(1)} %)`;
    const [whole, without] = this.#withAndWithout(n, plane).map(told);
    this.effect.textContent = `With it, the network reads ${whole}; without it, ${without}.`;
  }

  #withAndWithout(n, plane) {
    const {factors} = this.bench.follow(this.engine).layers[n];
    const answers = [1, 0].map(f => { factors[plane] = f; return this.bench.answerOf(this.engine.seen); });
    this.bench.follow(this.engine); // others use it, too
    return answers;
  }
}
