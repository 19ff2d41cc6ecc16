import {browserEngine, serviceEngine} from './engines.js';
import {Pad} from './pad.js';
import {acceptPhotos} from './photo.js';
import {digitsOf, toMnist} from './strokes.js';

const $ = id => document.getElementById(id);
const pad = new Pad($('pad')), engines = {}, percent = p => `${(100 * p).toFixed(1)} %`;
let chosen = 'browser', picked = false, turn = 0, ofPhoto = 0, drawing = false, asking = false, waiting = false, url = null;

const bars = Array.from({length: 10}, (_, i) => {
  const line = document.createElement('li');
  line.innerHTML = '<span></span><span class="track"><span class="fill"></span></span><span class="percent">–</span>';
  line.firstChild.textContent = i;
  $('bars').append(line);
  return line;
});

function showSeen(pixels) {
  const picture = new ImageData(28, 28);
  pixels?.forEach((v, i) => picture.data.set([v, v, v, 255], 4 * i));
  $('seen').getContext('2d').putImageData(picture, 0, 0);
}

function tell(why = '') {
  const model = engines[chosen]?.about.model;
  if (model) $('source').textContent = `${why}the network ${model} answers ${chosen === 'service' ? 'from the service' : 'in this browser'}`;
}

function show(answer, pixels) {
  const {digit = null, probability, probabilities = [], rejected = false, reason = null} = answer ?? {};
  $('digit').textContent = digit ?? '–';
  $('digit').style.setProperty('--digits', `${digit ?? 0}`.length);
  $('digit').classList.toggle('unsure', rejected);
  $('reason').textContent = reason ?? '';
  bars.forEach((line, i) => {
    line.querySelector('.fill').style.width = `${100 * (probabilities[i] ?? 0)}%`;
    line.lastChild.textContent = probabilities.length ? percent(probabilities[i]) : '–';
  });
  showSeen(pixels);
  const said = digit === null ? reason ?? '' : `${digit}, ${percent(probability)}${rejected ? `, rejected, ${reason}` : ''}`;
  $('spoken').textContent = said;
  $('seen').setAttribute('aria-label', `What the network sees: ${said || 'nothing yet'}`);
}

// A number: all digits, and of the least sure one what the network sees and how sure it is.
function inOne(answers, digits) {
  const least = answers.reduce((i, a, j) => a.probability < answers[i].probability ? j : i, 0), {rejected, reason} = answers[least];
  if (answers.length === 1) return [answers[0], digits[0]];
  const digit = answers.map(a => a.rejected ? '?' : a.digit).join(''), probability = answers.reduce((p, a) => p * a.probability, 1);
  const nth = `digit ${least + 1} of ${answers.length}`;
  return [{...answers[least], digit, probability, rejected, reason: `${nth}${rejected ? `, ${reason}` : ', the least sure, is shown'}`}, digits[least]];
}

// A new drawing, a photo, another engine raise `turn`; an answer to something earlier is not shown any more.
function next() {
  turn += 1;
  $('photo').hidden = true;
  $('undo').disabled = $('clear').disabled = !pad.strokes.length;
  return turn;
}

// One question at a time; while it is on its way the newest drawing waits for the next.
async function update() {
  if (asking) { waiting = true; return; }
  asking = true;
  $('answer').ariaBusy = true;
  do {
    waiting = false;
    const mine = turn, engine = engines[chosen], digits = digitsOf(pad.strokes).map(toMnist);
    if (!digits.length) { if (turn !== ofPhoto) show(); continue; }
    if (!engine) continue; // it is asked as soon as it is there
    try {
      const answers = await Promise.all(digits.map(pixels => engine.answer(pixels)));
      if (mine === turn) show(...inOne(answers, digits));
    } catch (error) {
      if (mine === turn) fall(error);
    }
  } while (waiting);
  asking = false;
  $('answer').ariaBusy = false;
}

function fall(error) {
  if (chosen === 'service' && engines.browser && !error.status) { // the network is away; the other engine is here
    choose('browser', 'the service is away, so ');
    waiting = true;
  } else {
    show({reason: error.message});
    if (error.status === 503) setTimeout(() => { if (pad.strokes.length) update(); }, 1000);
  }
}

function choose(name, why = '') {
  chosen = name;
  document.querySelector(`#engine [value=${name}]`).checked = true;
  tell(why);
}

async function photo(file, problem) {
  pad.clear();
  const mine = ofPhoto = next();
  const away = 'photos are read by the service, and this page runs without one; see the documentation for: mnist-nb serve';
  if (!file || !engines.service) return show({reason: problem ?? away});
  show({reason: 'reading the photo …'});
  try {
    const {answer, number, way} = await engines.service.photo(file);
    if (mine !== turn) return;
    show(answer, answer.seen?.flat());
    $('source').textContent = `the network ${engines.service.about.reader} read the photo at the service`;
    $('number').textContent = number?.digits.length > 1 ? `Read as a number: ${number.lines.join(', ')}` : '';
    if (url) URL.revokeObjectURL(url);
    url = way && URL.createObjectURL(way);
    $('way').replaceChildren(...(url ? [Object.assign(new Image(), {src: url, alt: 'Each step from the photo to 28 by 28 pixels'})] : []));
    $('photo').hidden = !url;
    $('clear').disabled = false;
  } catch (error) {
    if (mine === turn) show({reason: error.status ? error.message : 'the service is away; photos need it'});
  }
}

pad.addEventListener('change', () => {
  if (!drawing || !pad.strokes.length) next(), tell(); // more of a drawing is no new one: its answers follow it
  drawing = pad.strokes.length > 0;
  $('undo').disabled = $('clear').disabled = !drawing;
  update();
});
$('undo').addEventListener('click', () => pad.undo());
$('clear').addEventListener('click', () => pad.clear());
$('engine').addEventListener('change', event => {
  picked = true;
  choose(event.target.value);
  if (pad.strokes.length) { next(); update(); }
});
acceptPhotos({input: $('file'), drop: $('pad'), camera: $('camera'), viewfinder: $('viewfinder')}, photo);

function arrive(name, engine) {
  engines[name] = engine;
  document.querySelector(`#engine [value=${name}]`).disabled = false;
  if (!picked) choose(name);
  update();
}

showSeen();
try {
  arrive('browser', await browserEngine());
} catch (error) {
  show({reason: `the engine for browsers could not be loaded: ${error.message}`});
}
if (document.querySelector('meta[name=engine]')?.content !== 'browser') {
  const service = await serviceEngine(engines.browser?.about.model).catch(() => null);
  if (service) {
    $('docs').hidden = false;
    arrive('service', service);
  }
}
document.body.dataset.ready = 'yes';
