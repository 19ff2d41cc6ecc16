"The site's reference, written from what the package itself knows: modules, commands, HTTP, networks."

import json
import re
from math import prod
from pathlib import Path

import onnx
import typer
from smalldocs import api
from symbols import explained, plain, with_more

from mnist_nb.cli import app
from mnist_nb.predict import Predictor
from mnist_nb.reading.network import find_model
from mnist_nb.serving.app import Answer, Digit, Fault, Number, Service, create_app
from mnist_nb.support.record import load_record

ROOT = Path(__file__).resolve().parent.parent
ROWS = '| {} |'.format(' | '.join(['---'] * 4))


def page(title, description, *parts):
    "A page of Markdown."
    head = f'---\ntitle: "{title}"\ndescription: "{description}"\n---'
    return '\n\n'.join([head, *filter(None, parts)]) + '\n'


def notebooks():
    "Which notebook makes which module: its path on the site, its title, its file."
    found = {}
    for path in sorted((ROOT / 'nbs').rglob('*.ipynb'), key=lambda p: (len(p.parts), p)):
        cells = [''.join(c['source']) for c in json.loads(path.read_text())['cells']]
        for text in cells:
            if made := re.match(r'#\|\s*default_exp\s+(\S+)', text):
                title = next(re.search(r'(?m)^# (.+)', t)[1] for t in cells if re.search(r'(?m)^# ', t))
                name = re.sub(r'^\d+_', '', path.name)
                found[f'mnist_nb.{made[1]}'] = (str(path.relative_to(ROOT / 'nbs').with_name(name)), title, path)
    return found


def stacked(text):
    "Tables of Markdown that become lists where a screen is narrow (styles.css)."

    def fit(table):
        rows = re.sub(r'<(?!br)', '&lt;', table[1].rstrip())
        return f'::: {{.stacked}}\n{re.sub(r"`[^`|]{60,}`", "`…`", rows)}\n:::\n'  # a default as long as a paragraph

    return re.sub(r'(?m)((?:^\|.*\n?)+)', fit, text)


def write_modules(site):
    "A page for each module, and one that lists every symbol."
    made, lists = notebooks(), []
    settings = api.Settings.read(site, {'packages': ['mnist_nb'], 'out': 'reference/modules', 'root': '..'})
    symbols = api.inventory(['mnist_nb'])
    for path in api.build(settings):
        text = path.read_text()
        module = re.search(r'title: "([\w.]+)"', text)[1]
        if module == 'mnist_nb.cli' or module not in made:
            path.unlink()  # commands have a page of their own
            continue
        source, title, notebook = made[module]
        text = text.replace(f'title: "{module}"', f'title: "{module.removeprefix("mnist_nb.")}"', 1)
        first = f'`from {module} import …`. Built, shown at work and tested in the notebook [{title}](../../{source}); its cells are the examples here, and use what stands above them there.\n\n'
        text = text.replace('\n---\n', f'\norder: {list(made).index(module)}\n---\n', 1)
        text = stacked(re.sub(r'(?m)^## ', first + '## ', text, count=1))
        path.write_text(with_more(text, explained(notebook)))
        mine = [s for s in symbols if s.module == module and s.name and not s.name.rpartition('.')[2].startswith('_')]
        names = ' · '.join(f'[`{name}`](modules/{path.name}#{name})' for name in dict.fromkeys(s.name for s in mine))
        lists.append((module, f'| [{module.removeprefix("mnist_nb.")}](modules/{path.name}) | {names} |'))
    (site / '_symbols.json').unlink()
    lists.sort(key=lambda entry: list(made).index(entry[0]))  # the six first
    (site / 'reference' / 'index.qmd').write_text(
        page('Reference', 'Every public function and class, the commands, HTTP, file formats, networks',
             'Beside what follows: [the commands](../cli.ipynb) of `mnist-nb` and [their options](commands.qmd), '
             '[HTTP](http.qmd), [file formats](formats.qmd), and [the networks](networks.qmd) that come along.',
             '## Every symbol\n\n' + stacked('\n'.join(['| module | |', '| --- | --- |', *[row for _, row in lists]])))
    )  # fmt: skip


def commands(command, path=()):
    "Every command below a group, with the words that call it."
    if hasattr(command, 'commands'):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))
    else:
        yield ' '.join(path), command


def kind_of(parameter):
    "What a parameter takes, in a word."
    name = str(getattr(parameter.type, 'name', parameter.type)).lower()
    return {'str': 'text', 'text': 'text', 'bool': '', 'boolean': '', 'int': 'number', 'integer': 'number'}.get(
        name.removesuffix(' range'), name
    )


def write_commands(site):
    "What `--help` says, as tables."
    parts = []
    for name, command in commands(typer.main.get_command(app)):
        rows = []
        for p in command.params:
            if 'help' in p.opts[0]:
                continue
            word = ', '.join(f'`{o}`' for o in p.opts) if p.opts[0].startswith('-') else f'`{p.name.upper()}`'
            default = 'required' if p.required else '' if p.default in (None, False, ()) else f'`{p.default}`'
            rows.append(f'| {word} | {kind_of(p)} | {default} | {plain(p.help or "")} |')
        table = stacked('\n'.join(['| option | takes | default | |', ROWS, *rows]))
        example = (command.epilog or '').removeprefix('Example: ')
        parts += [
            f'## `{name}` {{#{name.replace(" ", "-")}}}',
            command.help,
            f'```sh\n{example}\n```' if example else '',
            table,
        ]
    text = 'What `mnist-nb COMMAND --help` says of each. [Each at work, with what it prints](../cli.ipynb).'
    (site / 'reference' / 'commands.qmd').write_text(
        page('Commands', 'Every command of mnist-nb with its options', text, *parts)
    )


def fields_of(model):
    "What a JSON object that comes back holds."
    rows = [f'| `{name}` | {plain(f.description or "")} |' for name, f in model.model_fields.items()]
    return f'### {model.__name__}\n\n{model.__doc__}\n\n' + '\n'.join(['| field | |', '| --- | --- |', *rows])


def write_http(site):
    "The service's endpoints, as its OpenAPI document has them."
    schema = create_app(Service([None])).openapi()
    rows, parts = [], []
    for path, methods in schema['paths'].items():
        for method, what in methods.items():
            takes = ', '.join(f'`{kind}`' for kind in what.get('requestBody', {}).get('content', {}))
            said = what.get('description') or what.get('summary', '')
            title = f'{method.upper()} {path}'
            name = re.sub('[^a-z]+', '-', title.lower()).strip('-')
            rows.append(f'| [`{title}`](#{name}) | {plain(said)} |')
            query = [
                f'| `{p["name"]}` | {plain(p.get("description") or p.get("schema", {}).get("description", ""))} | '
                f'{"required" if p.get("required") else plain(p["schema"].get("default", ""))} |'
                for p in what.get('parameters', [])
            ]
            answers = [f'| {code} | {plain(r["description"])} |' for code, r in what['responses'].items()]
            parts += [f'## {title} {{#{name}}}', said, f'Takes {takes}.' if takes else '',
                      '\n'.join(['| in the query | | default |', '| --- | --- | --- |', *query]) if query else '',
                      '\n'.join(['| answers | |', '| --- | --- |', *answers])]  # fmt: skip
    table = '\n'.join(['| | what it does |', '| --- | --- |', *rows])
    text = 'What `mnist-nb serve` answers; `/docs` there lets one try it, `/openapi.json` is for programs. ' \
        '[How it is built](../serving/app.ipynb), [how it is hosted](../serving/host.ipynb).'  # fmt: skip
    example = "```sh\ncurl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' http://127.0.0.1:8080/predict\n```"
    (site / 'reference' / 'http.qmd').write_text(
        page(
            'HTTP',
            "The service's endpoints",
            text,
            example,
            table,
            *parts,
            '## What comes back',
            *map(fields_of, (Answer, Number, Digit, Fault)),
        )
    )


def card(name):
    "What the file of a network says of itself, and what was measured of its recipe."
    path = find_model(name)
    facts, size = Predictor(name).metadata, path.stat().st_size
    parameters = sum(prod(t.dims) for t in onnx.load(path).graph.initializer)
    config = {k: v for k, v in facts.get('config', {}).items() if v not in (0, 0.0, None)}
    rows = {
        'network': f'`{facts["arch"]}`, {parameters:,} parameters, {size / 1000:,.0f} kB as ONNX',
        'learned from': f'{facts["train_images"]:,} images of {facts["dataset"]}; {facts["valid_images"]:,} more to choose by',
        'data digest': f'`{facts["data_digest"][:16]}…`',
        'trained on': f'{facts["machine"]}, {facts["threads"]} threads, {facts["train_seconds"]:.0f} s, seed {facts["seed"]}',
        'validation': f'{facts["valid_accuracy"]:.2%} of the images held out',
        'calibration': f'logits are divided by {facts["temperature"]:.3f}; below a probability of {facts["reject_below"]:.3f} it refuses',
        'settings': ', '.join(f'{k} {v}' for k, v in config.items() if not isinstance(v, dict)),
        'distortions': ', '.join(f'{k} {v}' for k, v in (config.get('augmentation') or {}).items() if v) or 'none',
    }
    if record := load_record(ROOT / 'results' / 'avx2', name):
        measured = f'{record["accuracy_mean"]:.3%} ± {record["accuracy_std"]:.3%} of the 10,000 test images, mean of {record["n"]} seeds (`{record["command"]}`)'
        rows['its recipe reaches'] = measured
    table = '\n'.join(['| | |', '| --- | --- |', *(f'| {key} | {plain(value)} |' for key, value in rows.items())])
    return f'## {name}\n\n{USES[name]}\n\n{table}'


USES = {
    'fast': 'Three seconds of training. For teaching, for trying things out. It knows clean MNIST only: don\'t show it photographs.',
    'cnn': 'A plain convolutional network, trained for a minute on distorted digits. For MNIST-like pictures.',
    'pocket': 'The network of `cnn` with the training of `robust`: small enough for a page or a chip, and used to other people\'s digits.',
    'strong': 'The most accurate on MNIST\'s own test images. Less at home with photographs than `robust`.',
    'robust': 'The default: learned from distorted digits, made-up photographs, other schools of writing, and pictures that are no digits, '
              'which it refuses. Not made for letters, for signatures, or for decisions about people that nobody looks over.',
}  # fmt: skip


def card_of_reader(name, title, what, measured):
    "What the file of `lines` or of `ink` says of itself."
    path = find_model(name)
    network = onnx.load(path, load_external_data=False)
    facts = json.loads({p.key: p.value for p in network.metadata_props}['mnist_nb'])
    parameters = sum(prod(t.dims) for t in network.graph.initializer)
    rows = {
        'network': f'{parameters:,} parameters, {path.stat().st_size / 1000:,.0f} kB as ONNX',
        'learned from': f'pages and lines drawn with the digits of {facts["dataset"]}, never the same twice',
        'data digest': f'`{facts["data_digest"][:16]}…`',
        'settings': ', '.join(f'{k} {v}' for k, v in facts['config'].items()),
        'measured': measured,
    }
    table = '\n'.join(['| | |', '| --- | --- |', *(f'| {key} | {plain(value)} |' for key, value in rows.items())])
    return f'## {name}\n\n{title} {what}\n\n{table}'


READERS = [
    ('lines', 'Reads a line of digits as a whole.', 'For postcodes, amounts, lists; not for letters, nor for print of '
     'every kind.', '[family by family](../research/reading.ipynb)'),
    ('ink', "Finds a pen's line in a photograph.", 'What is not ink (paper, rulings, shadows) it takes away; hairlines of a '
     'hard pencil it may lose.', '[family by family](../research/reading.ipynb)'),
]  # fmt: skip


def write_networks(site):
    "A card for each network that ships."
    text = 'Each file of weights says what it is, what it learned from and how it was measured; this page is written from that. ' \
        'All learned from MNIST: digits of some 500 American writers of the 1990s. What they make of other hands was ' \
        '[measured](../research/corruptions.ipynb), as was [what they refuse](../research/refusal.ipynb).'  # fmt: skip
    (site / 'reference' / 'networks.qmd').write_text(
        page(
            'Networks',
            'A card for each network that comes along',
            text,
            *map(card, USES),
            *(card_of_reader(*reader) for reader in READERS),
        )
    )


def write_changelog(site):
    "The changelog, as a page."
    text = (ROOT / 'CHANGELOG.md').read_text().partition('\n\n')[2]
    (site / 'changelog.qmd').write_text(page('Changelog', 'What changed, version by version', text))


def write_all(site):
    "All pages of the reference that are not written by hand."
    (site / 'reference').mkdir(exist_ok=True)
    write_modules(site)
    write_commands(site)
    write_http(site)
    write_networks(site)
    write_changelog(site)
