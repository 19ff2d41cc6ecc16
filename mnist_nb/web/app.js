import {browserEngine, serviceEngine} from './engines.js';
import {Pad} from './pad.js';
import {acceptPhotos} from './photo.js';
import {toMnist} from './strokes.js';

const $ = id => document.getElementById(id);
const pad = new Pad($('pad')), engines = {}, percent = p => `${(100 * p).toFixed(1)} %`;
let chosen = 'browser', asking = false, waiting = false, url = null;

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
  const {model} = engines[chosen].about;
  $('source').textContent = `${why}the network ${model} answers ${chosen === 'service' ? 'from the service' : 'in this browser'}`;
}

function show(answer, pixels) {
  const {digit = null, probability, probabilities = [], rejected = false, reason = null} = answer ?? {};
  $('digit').textContent = digit ?? '–';
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

// One question at a time; while it is on its way the newest drawing waits for the next.
async function update() {
  $('undo').disabled = $('clear').disabled = !pad.strokes.length;
  if (asking) { waiting = true; return; }
  asking = true;
  $('answer').ariaBusy = true;
  do {
    waiting = false;
    const pixels = toMnist(pad.strokes);
    try {
      const answer = pixels && await engines[chosen].answer(pixels);
      if (pixels === null || pad.strokes.length) show(answer, pixels);
    } catch (error) {
      fall(error);
    }
  } while (waiting);
  asking = false;
  $('answer').ariaBusy = false;
}

function fall(error) {
  if (chosen === 'service' && engines.browser && !error.status) { // the network is away; the other engine is here
    choose('browser', 'the service is away, so ');
    waiting = true;
  } else show({reason: error.message});
}

function choose(name, why = '') {
  chosen = name;
  document.querySelector(`#engine [value=${name}]`).checked = true;
  tell(why);
}

async function photo(file, problem) {
  pad.clear();
  $('photo').hidden = true;
  const away = 'photos are read by the service, and this page runs without one; see the documentation for: mnist-nb serve';
  if (!file || !engines.service) return show({reason: problem ?? away});
  try {
    const {answer, number, way} = await engines.service.photo(file);
    show(answer, answer.seen?.flat());
    $('source').textContent = `the network ${engines.service.about.reader} read the photo at the service`;
    $('number').textContent = number.digits.length > 1 ? `Read as a number: ${number.lines.join(', ')}` : '';
    if (url) URL.revokeObjectURL(url);
    url = way && URL.createObjectURL(way);
    $('way').replaceChildren(...(url ? [Object.assign(new Image(), {src: url, alt: 'Each step from the photo to 28 by 28 pixels'})] : []));
    $('photo').hidden = !url;
  } catch (error) {
    show({reason: error.status ? error.message : 'the service is away; photos need it'});
  }
}

pad.addEventListener('change', () => {
  if (pad.strokes.length && !$('photo').hidden) { $('photo').hidden = true; tell(); }
  update();
});
$('undo').addEventListener('click', () => pad.undo());
$('clear').addEventListener('click', () => pad.clear());
$('engine').addEventListener('change', event => { choose(event.target.value); update(); });
acceptPhotos({input: $('file'), drop: $('pad'), camera: $('camera'), viewfinder: $('viewfinder')}, photo);

showSeen();
try {
  engines.browser = await browserEngine();
  choose('browser');
} catch (error) {
  show({reason: `the engine for browsers could not be loaded: ${error.message}`});
}
if (document.querySelector('meta[name=engine]')?.content !== 'browser') {
  engines.service = await serviceEngine(engines.browser?.about.model).catch(() => null);
  if (engines.service) {
    document.querySelector('#engine [value=service]').disabled = false;
    $('docs').hidden = false;
    choose('service');
  }
}
document.body.dataset.ready = 'yes';
