// The pad as a widget of a notebook; `mnist_nb.serving.pad` puts it into one module with what it imports.
import {Pad} from './pad.js';
import {digitsOf, toMnist} from './strokes.js';

const LOOK = {width: '280px', height: '280px', background: '#17171a', color: '#fff', borderRadius: '8px', touchAction: 'none', cursor: 'crosshair', display: 'block'};

function render({model, el}) {
  const [canvas, said, clear] = ['canvas', 'div', 'button'].map(name => document.createElement(name));
  Object.assign(canvas.style, LOOK);
  canvas.tabIndex = 0;
  canvas.setAttribute('role', 'application');
  canvas.setAttribute('aria-label', 'Draw a digit here; arrow keys move the pen, space puts it down and lifts it');
  said.setAttribute('role', 'status');
  clear.textContent = 'Clear';
  el.append(canvas, said, clear);
  const pad = new Pad(canvas);
  const copy = strokes => strokes.map(stroke => stroke.map(({x, y, width}) => ({x, y, width})));
  let own = ''; // what this view told of last
  pad.strokes = copy(model.get('strokes'));
  const tell = () => { said.textContent = model.get('answer') || 'Draw a digit, or a few.'; };
  pad.addEventListener('change', () => {
    const digits = digitsOf(pad.strokes).map(toMnist), seen = new Uint8Array(784 * digits.length);
    digits.forEach((pixels, i) => seen.set(pixels, 784 * i));
    own = JSON.stringify(copy(pad.strokes)); // before it is told: `set` calls `follow` at once
    model.set('strokes', copy(pad.strokes));
    model.set('seen', new DataView(seen.buffer));
    model.save_changes();
  });
  clear.addEventListener('click', () => pad.clear());
  const follow = () => { // strokes that come from Python, or from another view of the same pad
    if (JSON.stringify(copy(model.get('strokes'))) !== own) pad.show(copy(model.get('strokes')));
  };
  model.on('change:answer', tell);
  model.on('change:strokes', follow);
  tell();
  return () => { model.off('change:answer', tell); model.off('change:strokes', follow); };
}

export default {render};
