// Two engines behind one interface: answer(pixels) resolves to {digit, probability, probabilities, rejected, reason}.

export async function browserEngine() {
  const [module, about] = await Promise.all([
    fetch('digits.wasm').then(checked).then(r => r.arrayBuffer()).then(b => WebAssembly.instantiate(b, {})),
    fetch('digits.json').then(checked).then(r => r.json()),
  ]);
  const {memory, input, output, run, _initialize} = module.instance.exports;
  _initialize?.();
  return {
    about,
    async answer(pixels) {
      new Uint8Array(memory.buffer, input(), 784).set(pixels);
      run();
      return answerOf(Array.from(new Float32Array(memory.buffer, output(), about.classes.length)), about);
    },
  };
}

// The same words as the service's.
function answerOf(probabilities, {classes, reject_below: least}) {
  const order = probabilities.map((_, i) => i).sort((i, j) => probabilities[j] - probabilities[i]);
  const [best, second] = order, rejected = probabilities[best] < least;
  const close = probabilities[best] + probabilities[second] > .6;
  const why = close ? `not sure: ${classes[best]} or ${classes[second]}` : `none of the ${classes.length} classes`;
  return {digit: classes[best], probability: probabilities[best], probabilities, rejected, reason: rejected ? why : null};
}

export async function serviceEngine(model) {
  const info = await fetch('info', {signal: AbortSignal.timeout(3000)}).then(checked).then(r => r.json());
  if (info.name !== 'mnist-nb') throw new Error('not the service');
  const own = info.models.find(m => m.name === model) ?? info.models[0];
  const query = `top_k=${own.classes.length}`;
  return {
    about: {model: own.name, reader: info.default},
    async answer(pixels) {
      const kind = {'Content-Type': 'application/octet-stream'};
      const response = await fetch(`predict/pixels?model=${own.name}&${query}`, {method: 'POST', body: pixels, headers: kind});
      return spread((await checked(response).then(r => r.json()))[0], own.classes);
    },
    async photo(file) { // read with the model that is best at photos, the service's default
      const ask = path => fetch(path, {method: 'POST', body: file, headers: {'Content-Type': file.type || 'image/png'}});
      const [one, number, way] = await Promise.all([ask(`predict?seen=true&${query}`), ask('read'), ask('explain')]);
      const answer = spread(await checked(one).then(r => r.json()), info.models[0].classes);
      return {answer, number: await checked(number).then(r => r.json()), way: way.ok ? await way.blob() : null};
    },
  };
}

const spread = (answer, classes) => {
  const known = new Map(answer.top_k);
  return {...answer, probabilities: classes.map(c => known.get(c) ?? 0)};
};

async function checked(response) {
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? `${response.status} ${response.statusText}`), {status: response.status});
}
