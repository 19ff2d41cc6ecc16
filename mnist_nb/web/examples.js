// Drawings to begin with: points that a pen passes, in parts of the pad; curves run smoothly through them.
import {WIDTH} from './pad.js';

const DRAWINGS = {
  'a seven with a bar': [['line', .27, .22, .73, .22, .46, .82], ['line', .38, .52, .66, .5]],
  'a one with an upstroke and a foot': [['line', .34, .38, .53, .18, .53, .82], ['line', .36, .82, .7, .82]],
  'an open four': [['line', .36, .2, .3, .55, .72, .55], ['line', .62, .2, .6, .84]],
  'a four or a nine?': [['curve', .66, .3, .5, .22, .34, .34, .4, .52, .6, .48, .68, .28], ['line', .68, .24, .62, .84]],
  'a two with a loop': [['curve', .3, .34, .48, .18, .66, .3, .56, .56, .32, .78, .24, .7, .4, .64, .56, .78, .76, .74]],
  'a five whose bar stands apart': [['curve', .38, .24, .35, .46, .56, .46, .66, .62, .52, .8, .3, .76], ['line', .46, .2, .76, .16]],
  'a zero with a stroke': [['curve', .5, .18, .3, .36, .3, .64, .5, .82, .7, .64, .7, .36, .5, .18], ['line', .7, .22, .3, .8]],
  'a year': [['curve', .05, .42, .13, .34, .21, .42, .15, .54, .05, .64, .23, .64], ['curve', .35, .34, .28, .44, .29, .58, .36, .65, .43, .56, .42, .42, .35, .34],
    ['curve', .52, .42, .6, .34, .68, .42, .62, .54, .52, .64, .7, .64], ['curve', .9, .33, .79, .46, .76, .58, .84, .66, .92, .58, .87, .49, .77, .54]],
  'a letter': [['line', .26, .82, .5, .18, .74, .82], ['line', .36, .58, .64, .58]],
  'a scribble': [['curve', .2, .3, .6, .2, .3, .5, .8, .4, .3, .7, .8, .7, .5, .3, .7, .9, .2, .6]],
};

// Points along a stroke: straight from one to the next, or as a Catmull-Rom spline.
function along([kind, ...numbers]) {
  const at = Array.from({length: numbers.length / 2}, (_, i) => [numbers[2 * i], numbers[2 * i + 1]]), n = at.length, points = [];
  for (let i = 0; i < n - 1; i++) {
    const [p0, p1, p2, p3] = [at[Math.max(0, i - 1)], at[i], at[i + 1], at[Math.min(n - 1, i + 2)]];
    for (let k = 0; k < 12; k++) {
      const t = k / 12, spline = (a, b, c, d) => .5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t ** 3);
      points.push([0, 1].map(j => kind === 'line' ? p1[j] + t * (p2[j] - p1[j]) : spline(p0[j], p1[j], p2[j], p3[j])));
    }
  }
  return [...points, at.at(-1)].map(([x, y]) => ({x, y, width: WIDTH}));
}

export const examples = Object.entries(DRAWINGS).map(([name, strokes]) => ({name, strokes: strokes.map(along)}));
