// A canvas to draw on with mouse, pen, finger or keys. Strokes are kept in parts of its side, so they survive a resize.

export const WIDTH = .055;
const STEP = .02, UNDOS = 'Z'; // of the side: the pen, a step of the cursor

export class Pad extends EventTarget {
  strokes = [];
  picture = null; // shown where nothing is drawn: a photo, a digit from elsewhere
  sample = false;
  #past = []; // what was shown before it was cleared or replaced: undo brings it back
  #pen = null; // the stroke being drawn, by pointer or keys
  #cursor = {x: .5, y: .5, shown: false, down: false};

  constructor(canvas) {
    super();
    this.canvas = canvas;
    for (const name of ['pointerdown', 'pointermove', 'pointerup', 'pointercancel', 'keydown', 'blur', 'focus'])
      canvas.addEventListener(name, event => this[`on_${name}`](event));
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  get canUndo() { return this.strokes.length > 0 || this.#past.length > 0; }

  undo() {
    this.#end();
    if (this.strokes.length && !this.sample) this.strokes.pop();
    else if (this.#past.length) Object.assign(this, this.#past.pop());
    else this.strokes = [];
    this.#changed();
  }

  clear() { this.show([]); }

  // Strokes or a picture from elsewhere; a sample makes room for the first stroke that is drawn.
  show(strokes, {picture = null, sample = false} = {}) {
    this.#end();
    this.#keep();
    Object.assign(this, {strokes: [...strokes], picture, sample});
    this.#changed();
  }

  #keep() {
    const {strokes, picture, sample} = this;
    if (strokes.length || picture) this.#past.push({strokes, picture, sample});
  }

  on_pointerdown(event) {
    if (event.button || this.#pen) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#cursor.shown = false;
    this.#begin(event.pointerId);
    this.#add(event);
    this.#changed();
  }

  on_pointermove(event) {
    if (this.#pen?.id !== event.pointerId) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const part of events.length ? events : [event]) this.#add(part);
    this.#changed();
  }

  on_pointerup(event) { if (this.#pen?.id === event.pointerId) this.#end(); }

  on_pointercancel(event) { // the system took the gesture for itself
    if (this.#pen?.id === event.pointerId) { this.#end(); this.undo(); }
  }

  on_keydown(event) {
    const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    if (event.ctrlKey || event.metaKey ? event.key.toUpperCase() === UNDOS : event.key === 'Backspace') this.undo();
    else if (['Escape', 'Delete'].includes(event.key)) this.clear();
    else if (event.key === ' ') this.#toggle();
    else if (move) this.#move(...move);
    else return;
    event.preventDefault();
  }

  on_focus() { if (this.canvas.matches(':focus-visible')) { this.#cursor.shown = true; this.draw(); } }
  on_blur() { this.#cursor.shown = false; this.#end(); this.draw(); }

  #toggle() {
    if (this.#pen) return this.#end();
    this.#cursor.shown = true;
    this.#begin('keys');
    this.#point(this.#cursor.x, this.#cursor.y, WIDTH);
    this.#changed();
  }

  #move(x, y) {
    const inside = v => Math.min(1, Math.max(0, v));
    Object.assign(this.#cursor, {x: inside(this.#cursor.x + x * STEP), y: inside(this.#cursor.y + y * STEP), shown: true});
    if (this.#pen?.id === 'keys') this.#point(this.#cursor.x, this.#cursor.y, WIDTH);
    if (this.#pen?.id === 'keys') this.#changed(); else this.draw();
  }

  #begin(id) {
    if (this.sample || this.picture) { this.#keep(); this.strokes = []; }
    Object.assign(this, {picture: null, sample: false});
    this.#pen = {id, stroke: []};
    this.strokes.push(this.#pen.stroke);
  }
  #end() { this.#pen = null; this.draw(); }

  #add(event) {
    const box = this.canvas.getBoundingClientRect(), {stroke} = this.#pen, last = stroke.at(-1);
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.width;
    const far = last ? Math.hypot(x - last.x, y - last.y) : 0;
    if (last && far < .004) return;
    let width = WIDTH;
    if (event.pointerType === 'pen' && event.pressure > 0) width *= .5 + event.pressure; // light is thin
    else if (last) width *= 1.15 - .4 * Math.min(1, far / Math.max(1, event.timeStamp - last.time) * 250); // fast is thin
    this.#point(x, y, last ? .7 * last.width + .3 * width : width, event.timeStamp);
  }

  #point(x, y, width, time = 0) { this.#pen.stroke.push({x, y, width, time}); }
  #changed() { this.draw(); this.dispatchEvent(new Event('change')); }

  draw() {
    const {canvas} = this, side = Math.round(canvas.clientWidth * (devicePixelRatio || 1));
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const pen = canvas.getContext('2d'), style = getComputedStyle(canvas);
    pen.clearRect(0, 0, side, side);
    if (this.picture) {
      const {width, height} = this.picture, scale = side / Math.max(width, height);
      pen.imageSmoothingEnabled = scale < 2;
      pen.drawImage(this.picture, (side - width * scale) / 2, (side - height * scale) / 2, width * scale, height * scale);
    }
    pen.strokeStyle = style.color;
    drawStrokes(pen, this.strokes, side);
    if (this.#cursor.shown) {
      pen.lineWidth = side / 250;
      pen.beginPath();
      pen.arc(this.#cursor.x * side, this.#cursor.y * side, WIDTH * side * (this.#pen ? .5 : .8), 0, 7);
      pen.stroke();
    }
  }
}

export function drawStrokes(pen, strokes, side) {
  pen.lineCap = pen.lineJoin = 'round';
  for (const stroke of strokes) {
    stroke.forEach((b, i) => {
      const a = stroke[Math.max(0, i - 1)];
      pen.lineWidth = (a.width + b.width) / 2 * side;
      pen.beginPath();
      pen.moveTo(a.x * side, a.y * side);
      pen.lineTo(b.x * side, b.y * side);
      pen.stroke();
    });
  }
}
