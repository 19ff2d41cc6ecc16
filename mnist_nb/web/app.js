import {BreakIt} from './breakit.js';
import {browserEngines, service} from './engines.js';
import {examples} from './examples.js';
import {Inside} from './inside.js';
import {DigitMap} from './map.js';
import {drawStrokes, Pad} from './pad.js';
import {acceptPhotos} from './photo.js';
import {drawPlanes, make} from './pictures.js';
import {digitsOf, fromText, toMnist, toText} from './strokes.js';
import {Why} from './why.js';

const $ = id => document.getElementById(id), percent = p => `${(100 * p).toFixed(1)} %`;
const has = name => document.querySelector(`meta[name=${name}]`).content === 'yes';
const pad = new Pad($('pad'));
let engines = null, inside, breakIt, why, photos = null, turn = 0, pixels = null, context = '', theirs = null, later = 0, frame = 0;

const bars = Array.from({length: 10}, (_, i) => {
  const fill = make('span', {className: 'fill'}), shown = make('span', {className: 'percent', textContent: '–'});
  $('bars').append(make('li', {}, make('span', {textContent: i}), make('span', {className: 'track'}, fill), shown));
  return {fill, shown};
});

function show(answer, seen) {
  const {digit = null, probability, probabilities = [], rejected = false, reason = null} = answer ?? {};
  $('digit').textContent = digit === null ? '–' : rejected ? '?' : digit;
  $('digit').style.setProperty('--digits', `${rejected ? '?' : digit ?? 0}`.length);
  $('reason').textContent = reason ?? '';
  bars.forEach(({fill, shown}, i) => {
    fill.style.width = `${100 * (probabilities[i] ?? 0)}%`;
    shown.textContent = probabilities.length ? percent(probabilities[i]) : '–';
  });
  drawPlanes($('seen'), [28, 28], seen ?? new Uint8Array(784), {scale: 'grey', most: 255});
  const said = digit === null ? reason ?? '' : `${rejected ? `refused, ${reason}, perhaps ` : ''}${digit}, ${percent(probability)}`;
  $('spoken').textContent = said;
  $('seen').setAttribute('aria-label', `What the network sees: ${said || 'nothing yet'}`);
}

// What is looked at: a picture of 28 x 28, and what is to be said of where it comes from. `theirs` is the service's answer
// to a photo, which stands as long as nothing is changed.
function look(own, about = '', moved = null) {
  [pixels, context] = [own, about];
  if (!engines) return; // it looks again when they are there
  const seen = pixels && breakIt.apply(pixels), answer = engines.engine.answerOf(seen ?? new Uint8Array(784));
  const changes = [breakIt.isBroken && 'spoiled by the sliders', inside.cut && 'with parts switched off'].filter(Boolean);
  const best = theirs && !changes.length ? theirs : answer, smaller = theirs && changes.length && "read by the page's own, smaller network";
  show(seen && {...best, reason: [about, smaller, ...changes, best.reason].filter(Boolean).join('; ')}, seen);
  breakIt.stop(moved);
  why.stop();
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(() => inside.update());
  clearTimeout(later); // what takes longer waits until the pen rests
  later = setTimeout(() => {
    breakIt.update(pixels);
    why.update(seen, answer);
  }, 120);
}

// Several digits are a number; the least sure is looked at, and stays so while sliders move.
function readDrawing(moved = null, kept = null) {
  const digits = digitsOf(pad.strokes).map(toMnist);
  if (digits.length < 2 || !engines) return look(digits[0] ?? null, '', moved);
  const answers = digits.map(d => engines.bench.follow(engines.engine).answerOf(breakIt.apply(d)));
  least = kept ?? answers.reduce((i, a, j) => a.probability < answers[i].probability ? j : i, 0);
  look(digits[least], `digit ${least + 1} of ${digits.length}, the least sure`, moved);
  const digit = answers.map(a => a.rejected ? '?' : a.digit).join('');
  $('digit').textContent = digit;
  $('digit').style.setProperty('--digits', digit.length);
  $('spoken').textContent = digit;
}

let least = 0; // which digit of a number is looked at
const ask = moved => pad.strokes.length ? readDrawing(moved, least) : look(pixels, context, moved);

// Something new to look at; what was asked before and is answered later is not shown any more.
function begin() {
  turn += 1;
  theirs = null;
  $('photo').hidden = true;
  return turn;
}

function buttons() {
  $('undo').disabled = !pad.canUndo;
  $('share').disabled = !pad.strokes.length;
  $('clear').disabled = !pad.strokes.length && !pixels;
}

function remember() {
  const drawn = pad.strokes.length > 0;
  buttons();
  history.replaceState(null, '', drawn && !pad.sample ? `#drawing=${toText(pad.strokes)}` : location.pathname + location.search);
}

let remembering = 0;
pad.addEventListener('change', () => {
  begin();
  if (pad.strokes.length || !pad.picture) readDrawing();
  else {
    theirs = pad.picture.answer;
    look(pad.picture.own, pad.picture.about);
  }
  clearTimeout(remembering);
  remembering = setTimeout(remember, 150);
  buttons();
});
$('undo').addEventListener('click', () => pad.undo());
$('clear').addEventListener('click', () => { pad.clear(); look(null); buttons(); });
$('share').addEventListener('click', async () => {
  const link = `${location.href.split('#')[0]}#drawing=${toText(pad.strokes)}`;
  const say = text => {
    $('share').textContent = $('heard').textContent = text;
    setTimeout(() => { $('share').textContent = 'Copy link'; $('heard').textContent = ''; }, 2000);
  };
  const copied = navigator.clipboard?.writeText(link) ?? Promise.reject(new Error('only where the connection is safe'));
  await copied.then(() => say('Copied'), () => { history.replaceState(null, '', link); say('It is in the address'); });
});

// A picture that nobody drew here: shown on the pad, and looked at, now and when undo brings it back.
const showPicture = (picture, own, about, answer = null) =>
  pad.show([], {picture: Object.assign(picture ?? make('canvas'), {own, about, answer})});

function bitmap(own) {
  const canvas = make('canvas');
  drawPlanes(canvas, [28, 28], own, {scale: 'grey', most: 255});
  return canvas;
}

function tile(name, picture, act) {
  const button = make('button', {type: 'button', title: name, 'aria-label': name}, picture);
  button.addEventListener('click', act);
  $('tiles').append(button);
}

for (const {name, strokes} of examples) {
  const canvas = make('canvas', {width: 80, height: 80}), pen = canvas.getContext('2d');
  pen.strokeStyle = '#fff';
  drawStrokes(pen, strokes, 80);
  tile(name, canvas, () => pad.show(strokes, {sample: true}));
}

async function picture(src) {
  const image = make('img', {src});
  await image.decode();
  return image;
}

let url = null;
function showWay(src, number = '') {
  if (url) URL.revokeObjectURL(url);
  url = src?.startsWith('blob:') ? src : null;
  $('number').textContent = number;
  $('way').replaceChildren(...(src ? [make('img', {src, alt: 'Each step from the photo to 28 by 28 pixels'})] : []));
  $('photo').hidden = !src;
}

async function readPhoto(file, problem) {
  if (!file || !photos) return show({reason: problem ?? 'photos need the service'}); // what is drawn stays
  const mine = begin(), before = pixels;
  show({reason: 'reading the photo …'});
  try {
    const {answer, number, way} = await photos.photo(file);
    if (mine !== turn) return;
    const source = URL.createObjectURL(file), picture_ = await picture(source).catch(() => null);
    URL.revokeObjectURL(source);
    if (mine !== turn) return;
    breakIt.rest();
    inside.rest();
    if (!answer.model_input) return show(answer);
    showPicture(picture_, Uint8Array.from(answer.model_input.flat()), `read by ${photos.reader} at the service`, answer);
    showWay(way, number?.digits.length > 1 ? `Read as a number: ${number.lines.join(', ')}` : '');
  } catch (error) {
    if (mine !== turn) return;
    pixels = before;
    show({reason: error.status ? error.message : 'the service is away; photos need it'});
  }
}

try {
  engines = await browserEngines();
  inside = new Inside($('layers'), engines, ask);
  breakIt = new BreakIt($('sliders'), engines, ask);
  why = new Why($('why'), engines);
  look(null);
} catch (error) {
  show({reason: `the network could not be loaded: ${error.message}`});
}
const shared = () => fromText(new URLSearchParams(location.hash.slice(1)).get('drawing') ?? '');
if (shared().length) pad.show(shared());
else if (pad.strokes.length) readDrawing(); // drawn while the network was on its way
else pad.show(examples[0].strokes, {sample: true});
addEventListener('hashchange', () => { if (shared().length) pad.show(shared()); });

// Hard digits of MNIST, and a photograph with what the package made of it.
const given = await fetch('examples.json').then(r => r.json()).catch(() => ({hard: []}));
for (const {label, seen} of given.hard) {
  tile(`a hard digit of MNIST, labelled ${label}`, bitmap(seen), () => showPicture(bitmap(seen), Uint8Array.from(seen), `a digit of MNIST, labelled ${label}`));
}
if (given.photo) tile('a photograph', make('img', {src: 'photo.jpg', alt: ''}), async () => {
  const mine = begin(), photo = await picture('photo.jpg');
  if (mine !== turn) return;
  showPicture(photo, Uint8Array.from(given.photo), 'a photograph, whose ink was found first');
  showWay('photo-way.png');
});

if (has('service')) {
  photos = await service().catch(() => null);
  for (const id of photos ? ['docs', 'pick', 'file', 'photos'] : []) $(id).hidden = false;
  if (photos) acceptPhotos({input: $('file'), drop: $('pad'), camera: $('camera'), viewfinder: $('viewfinder')}, readPhoto);
} else $('home').hidden = false;

if (has('map')) {
  $('map').hidden = false;
  new IntersectionObserver(async (seen, observer) => {
    if (!seen.some(s => s.isIntersecting)) return;
    observer.disconnect();
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    try {
      new DigitMap($('plane'), await DigitMap.load('.', engines.engine.about.classes), (own, told) => {
        showPicture(bitmap(own), own, told);
        scrollTo({top: 0, behavior: still ? 'instant' : 'smooth'});
        $('pad').focus({preventScroll: true});
      });
    } catch (error) {
      $('plane').textContent = `The map could not be loaded: ${error.message ?? 'its pictures are missing'}`;
    }
    $('map').dataset.ready = 'yes';
  }, {rootMargin: '600px'}).observe($('map'));
}
document.body.dataset.ready = 'yes';
