// The network in this page, with everything that happens inside it; and the service, which reads photos.

// Two of the same network: `engine` always holds what the page shows, `bench` is for whatever has to be tried out beside it.
export async function browserEngines(folder = '.') {
  const [module, about] = await Promise.all([
    fetch(`${folder}/digits.wasm`).then(checked).then(r => r.arrayBuffer()).then(b => WebAssembly.compile(b)),
    fetch(`${folder}/digits.json`).then(checked).then(r => r.json()),
  ]);
  const [engine, bench] = (await Promise.all([0, 1].map(() => WebAssembly.instantiate(module, {})))).map(i => engineOf(i.exports, about));
  return {engine, bench};
}

function engineOf({memory, input, output, run, _initialize, ...inside}, about) {
  _initialize?.();
  const area = shape => shape.reduce((a, b) => a * b, 1);
  const view = (address, length) => new Float32Array(memory.buffer, address, length);
  const layers = about.layers.map((layer, n) => ({ // windows into the engine's memory: they always show the last picture
    ...layer,
    sums: {shape: layer.sums, values: view(inside.sums(n), area(layer.sums))},
    maps: layer.maps && {shape: layer.maps, values: view(inside.maps(n), area(layer.maps))},
    factors: layer.maps && view(inside.factors(n), layer.maps[0]), // 0 switches a channel off
    weights: {shape: layer.weight, values: view(inside.weights(n), area(layer.weight))},
    biases: view(inside.biases(n), layer.weight[0]),
  }));
  const seen = new Uint8Array(memory.buffer, input(), 784), probabilities = view(output(), about.classes.length);
  const engine = {
    about,
    layers,
    seen,
    scores: layers.at(-1).sums.values, // before softmax: they go on telling where probabilities are all but 0 or 1
    probabilitiesOf(pixels) { seen.set(pixels); run(); return probabilities; },
    answerOf(pixels) { return answerOf(Array.from(engine.probabilitiesOf(pixels)), about); },
    follow(other) { layers.forEach(({factors}, n) => factors?.set(other.layers[n].factors)); return engine; },
  };
  return engine;
}

// The same words as the service's.
function answerOf(probabilities, {classes, reject_below: least}) {
  const order = probabilities.map((_, i) => i).sort((i, j) => probabilities[j] - probabilities[i]);
  const [best, second] = order, rejected = probabilities[best] < least;
  const close = probabilities[best] + probabilities[second] > .6;
  const why = close ? `not sure: ${classes[best]} or ${classes[second]}` : `none of the ${classes.length} classes`;
  return {digit: classes[best], second: classes[second], probability: probabilities[best], probabilities, rejected, reason: rejected ? why : null};
}

export async function service() {
  const info = await fetch('info', {signal: AbortSignal.timeout(3000)}).then(checked).then(r => r.json());
  if (info.name !== 'mnist-nb') throw new Error('not the service');
  return {
    reader: info.default,
    async photo(file) {
      const headers = {'Content-Type': file.type || 'image/png'}, signal = AbortSignal.timeout(20000);
      const ask = path => fetch(path, {method: 'POST', body: file, headers, signal});
      const answer = await ask('predict?model_input=true&top_k=10').then(checked).then(r => r.json());
      const known = new Map(answer.top_k), probabilities = info.models[0].classes.map(c => known.get(c) ?? 0);
      const [number, way] = await Promise.all([ask('read'), answer.model_input && ask('explain')].map(async asked => { // welcome, not needed
        try { return await asked; } catch { return null; }
      }));
      return {
        answer: {...answer, probabilities},
        number: number?.ok ? await number.json() : null,
        way: way?.ok ? URL.createObjectURL(await way.blob()) : null,
      };
    },
  };
}

async function checked(response) {
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? `${response.status} ${response.statusText}`), {status: response.status});
}
