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
      const headers = {'Content-Type': 'application/octet-stream'}, signal = AbortSignal.timeout(3000);
      const response = await fetch(`predict/pixels?model=${own.name}&${query}`, {method: 'POST', body: pixels, headers, signal});
      return spread((await checked(response).then(r => r.json()))[0], own.classes);
    },
    async photo(file) { // read with the model that is best at photos, the service's default
      const headers = {'Content-Type': file.type || 'image/png'}, signal = AbortSignal.timeout(20000);
      const ask = path => fetch(path, {method: 'POST', body: file, headers, signal});
      const answer = spread(await ask(`predict?seen=true&${query}`).then(checked).then(r => r.json()), info.models[0].classes);
      const [number, way] = await Promise.all([ask('read'), answer.seen && ask('explain')]); // welcome, not needed
      return {answer, number: number.ok ? await number.json() : null, way: way?.ok ? await way.blob() : null};
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
