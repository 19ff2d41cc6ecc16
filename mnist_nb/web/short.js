// The pad in short, for a page that is about something else: draw, and see the answer and what the first layer makes of it.
import {browserEngines} from './engines.js';
import {examples} from './examples.js';
import {Pad} from './pad.js';
import {drawPlanes, make} from './pictures.js';
import {digitsOf, toMnist, toText} from './strokes.js';

const folder = new URL('.', import.meta.url).pathname, root = document.getElementById('short');
const percent = p => `${(100 * p).toFixed(1)} %`;
const canvas = make('canvas', {className: 'short-pad', tabIndex: 0, role: 'application', 'aria-roledescription': 'drawing pad',
                               'aria-label': 'Draw a digit here; arrow keys move the pen, space puts it down and lifts it'});
const digit = make('output', {textContent: '–', ariaHidden: 'true'}), spoken = make('p', {role: 'status'}), heard = make('p', {role: 'status', className: 'visually-hidden'});
const seen = make('canvas', {className: 'short-seen', role: 'img', 'aria-label': 'what the network sees'});
const maps = make('canvas', {className: 'short-maps', role: 'img', 'aria-label': 'what its first layer makes of it'});
const bars = Array.from({length: 10}, () => ({fill: make('span', {className: 'fill'}), shown: make('span', {className: 'percent'})}));
const list = make('ol', {'aria-label': 'Probabilities'}, ...bars.map(({fill, shown}, i) => make('li', {}, make('span', {textContent: i}), make('span', {className: 'track'}, fill), shown)));
const more = make('a', {href: `${folder}index.html`, textContent: 'What happens inside, and how to break it →'});
root.replaceChildren(
  make('div', {}, canvas, make('p', {}, make('button', {type: 'button', textContent: 'Clear', onclick: () => pad.clear()}))),
  make('div', {}, make('div', {className: 'short-answer'}, digit, seen), list, maps, spoken, heard, make('p', {}, more)));
const pad = new Pad(canvas), {engine, bench} = await browserEngines(folder).catch(error => {
  spoken.textContent = `The network could not be loaded: ${error.message}`;
  throw error;
});

function answer() {
  const digits = digitsOf(pad.strokes).map(toMnist), answers = digits.map(d => bench.answerOf(d));
  const least = answers.reduce((i, a, j) => a.probability < answers[i].probability ? j : i, 0);
  const pixels = digits[least] ?? new Uint8Array(784), {probabilities} = engine.answerOf(pixels), any = digits.length > 0;
  digit.textContent = any ? answers.map(a => a.rejected ? '?' : a.digit).join('') : '–';
  heard.textContent = any ? `${digit.textContent}, ${percent(probabilities.reduce((a, b) => Math.max(a, b)))}` : '';
  spoken.textContent = any ? answers[least].reason ?? (digits.length > 1 ? 'The least sure of them is shown.' : '') : 'Draw a digit, or a few.';
  bars.forEach(({fill, shown}, i) => {
    fill.style.width = any ? `${100 * probabilities[i]}%` : 0;
    shown.textContent = any ? percent(probabilities[i]) : '–';
  });
  drawPlanes(seen, [28, 28], pixels, {scale: 'grey', most: 255});
  drawPlanes(maps, engine.layers[0].maps.shape, any ? engine.layers[0].maps.values : new Float32Array(16 * 144), {columns: 8});
  more.href = `${folder}index.html${any && !pad.sample ? `#drawing=${toText(pad.strokes)}` : ''}`;
}

pad.addEventListener('change', answer);
if (pad.strokes.length) answer(); // drawn while the network was on its way
else pad.show(examples[0].strokes, {sample: true});
root.dataset.ready = 'yes';
