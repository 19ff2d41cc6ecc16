"What holds the project together: published numbers, the owner's name, the wheel, the notebooks."

import ast
import configparser
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mnist_nb.training.benchmark import load_results, results_table

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(p for p in (ROOT / 'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)


def settings():
    ini = configparser.ConfigParser(delimiters=['='])
    ini.read(ROOT / 'settings.ini')
    return ini['DEFAULT']


def test_published_tables_are_what_the_results_say():
    names = ('README.md', 'nbs/research/results.ipynb', 'nbs/training/benchmark.ipynb')
    readme, results, bench = ((ROOT / name).read_text() for name in names)
    folders = [folder for folder in (ROOT / 'results').iterdir() if folder.is_dir()]
    assert folders, 'no results'
    for folder in folders:
        rows = load_results(folder)
        assert rows and shown(results_table(rows), results), folder
        for row in rows:
            assert row['accuracy_mean'] == pytest.approx(sum(r['accuracy'] for r in row['runs']) / row['n'])
            assert row['accuracy_mean'] < 0.9993, 'a leak?'
    folder = ROOT / 'results' / 'avx2'
    assert results_table(load_results(folder)) in readme
    engine = (ROOT / 'mnist_nb' / 'web' / 'digits.wasm').stat().st_size
    assert f'{engine / 1000:.0f} kB of WebAssembly' in readme
    assert shown(results_table(load_results(folder, 'mnist-sample')), bench)


def shown(table, notebook):
    "Whether a table stands in the text of a notebook's file."
    return all(json.dumps(line, ensure_ascii=False)[1:-1] in notebook for line in table.splitlines())


def test_all_results_say_what_the_studies_say():
    "The page of all results quotes the headline that each study's saved outputs hold."
    results = (ROOT / 'nbs' / 'research' / 'results.ipynb').read_text()
    quoted = re.findall(r'\[[^]]+\]\((\w+)\.ipynb\) \| ([^|]+?) \|', results)
    assert len(quoted) >= 10
    for name, text in quoted:
        assert f'**{text}' in (ROOT / 'nbs' / 'research' / f'{name}.ipynb').read_text(), name


@pytest.mark.parametrize('path', sorted((ROOT / 'results').glob('*/*.json')), ids=lambda p: f'{p.parent.name}/{p.name}')
def test_a_folder_of_results_is_of_one_kind_of_machine(path):
    "Older records name their processor alone; what they were computed in tells the kind."
    record = json.loads(path.read_text())
    kind = record.get('kind', path.parent.name)
    assert kind == path.parent.name and {'name', 'command', 'commit', 'machine', 'versions'} <= set(record)
    if record.get('config', {}).get('precision') == 'bf16':
        assert 'bf16' in kind, 'computed in bfloat16'


def test_links_of_the_readme_lead_somewhere():
    text = (ROOT / 'README.md').read_text()
    assert 'OWNER' not in text and 'OWNER' not in (ROOT / 'deploy' / 'Dockerfile').read_text()
    links = re.findall(r'\]\(([^)#]+)', text)
    assert len(links) > 20
    for link in links:
        assert link.startswith('https://') or (ROOT / link).exists(), link


def test_owner_is_named_in_one_place():
    user = settings()['user']
    for path in [*ROOT.glob('*.*'), *ROOT.glob('.github/workflows/*'), *NOTEBOOKS]:
        if path.suffix in ('.yml', '.md', '.ini', '.ipynb', '.py', '.toml') and path.is_file():
            text = path.read_text()
            found = re.findall(r'github\.com/([\w-]+)/mnist_nb', text) + re.findall(r'//([\w-]+)\.github\.io', text)
            assert set(found) <= {user}, f'{path}: {set(found)}'


def test_wheel_holds_the_weights(tmp_path):
    source = tmp_path / 'source'  # a copy, so that building leaves nothing in the tree
    shutil.copytree(ROOT / 'mnist_nb', source / 'mnist_nb', ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('settings.ini', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    make = 'from setuptools.build_meta import build_sdist; build_sdist("..")'  # as `python -m build` does: the wheel of the sdist
    subprocess.run([sys.executable, '-c', make], cwd=source, check=True, capture_output=True)
    archive = next(tmp_path.glob('*.tar.gz'))
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '-w', tmp_path, archive], check=True)
    names = zipfile.ZipFile(next(tmp_path.glob('*.whl'))).namelist()
    weights = {
        f'mnist_nb/weights/{name}.{form}'
        for name in ('fast', 'cnn', 'pocket', 'strong', 'robust')
        for form in ('onnx', 'safetensors')
    } | {'mnist_nb/weights/lines.onnx', 'mnist_nb/weights/ink.onnx'}
    page = {f'mnist_nb/web/{p.name}' for p in (ROOT / 'mnist_nb' / 'web').iterdir()}
    assert weights | page <= set(names) and 'mnist_nb/cli.py' in names
    assert not [n for n in names if n.startswith(('tests/', 'nbs/', 'tools/'))]


def test_lock_is_what_the_settings_ask_for():
    sys.path.insert(0, str(ROOT / 'tools'))
    from lock import LOCK, wanted

    locked = dict(re.findall(r'^([\w.-]+)==([\w.]+)', LOCK.read_text(), re.M))
    for requirement in map(Requirement, wanted()):
        assert requirement.specifier.contains(locked[requirement.name]), requirement
    assert 'torch' not in locked and LOCK.read_text().count('--hash=sha256:') > len(locked)


def test_serving_needs_only_what_is_locked():
    absent = ['torch', 'pandas', 'sklearn', 'matplotlib', 'mlxtend', 'onnx', 'safetensors', 'tqdm']
    code = f'import sys; sys.modules.update(dict.fromkeys({absent})); import mnist_nb.predict, mnist_nb.serving.host'
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.name)
def test_notebook_is_fit_to_be_read(path):
    text = path.read_text()
    assert len(text) < 500_000, 'too large: smaller figures'
    notebook = json.loads(text)
    outputs = json.dumps([c.get('outputs', []) for c in notebook['cells']])
    assert not re.search(r'/(home|root|work|tmp|Users)/', outputs), 'names a path of the machine it ran on'
    assert '"output_type": "error"' not in outputs
    assert 'nbdev_export(' not in text, 'running all cells would overwrite the package'
    code = [c for c in notebook['cells'] if c['cell_type'] == 'code']
    assert all(c['execution_count'] is None for c in code), 'not cleaned'
    assert any(c['outputs'] for c in code), 'no saved outputs'


def imports(path):
    "Packages that a module imports at its top."
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            package = ['mnist_nb', *path.relative_to(ROOT / 'mnist_nb').parent.parts]
            base = package[: len(package) - node.level + 1]
            yield '.'.join([*base, node.module]) if node.module else '.'.join(base)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


SUPPORT = ['support.files', 'support.show', 'support.record', 'support.sources']
READING = [
    'reading.network',
    'reading.picture',
    'reading.ink',
    'reading.page',
    'reading.line',
    'predict',
    'reading.labelled',
]
SERVING = ['serving.app', 'serving.host', 'serving.pad']
TRAINING = [
    'drawing.ranges',
    'training.recipes',
    'drawing.augment',
    'data',
    'models',
    'drawing.strokes',
    'drawing.outliers',
    'drawing.writing',
    'drawing.paper',
    'drawing.camera',
    'training.run',
]
TRAINING += ['training.result', 'train', 'training.drawn']
CLUSTER = [f'cluster.{room}' for room in ('nodes', 'train', 'tune', 'predict')]
ROOMS = [
    *SUPPORT,
    *READING,
    *SERVING,
    *TRAINING,
    'eval',
    'optimize',
    'training.benchmark',
    'training.estimator',
    'training.lines',
    'training.ink',
    'edge.chip',
    'edge.browser',
    *CLUSTER,
    'cli',
    'all',
]  # downwards


def test_all_rooms_are_known():
    found = {
        str(p.relative_to(ROOT / 'mnist_nb').with_suffix('')).replace('/', '.')
        for p in (ROOT / 'mnist_nb').rglob('*.py')
    }
    assert {name for name in found if not name.endswith('__init__') and name != '_modidx'} == set(ROOMS)
    top = sorted(p.name for p in (ROOT / 'nbs').glob('*.ipynb'))
    six = ['00_data', '01_models', '02_train', '03_eval', '04_predict', '05_optimize']
    assert top == [f'{name}.ipynb' for name in [*six, 'all', 'cli', 'index']]


@pytest.mark.parametrize('room', ROOMS)
def test_imports_run_downwards(room):
    names = list(imports(ROOT / 'mnist_nb' / f'{room.replace(".", "/")}.py'))
    ours = [n.removeprefix('mnist_nb.') for n in names if n.startswith('mnist_nb.')]
    assert all(ROOMS.index(n) < ROOMS.index(room) for n in ours), ours
    assert not [n for n in names if n.split('.')[0] in ('fastcore', 'nbdev')]
    if room in (*READING, *SERVING):  # the storey that serves without PyTorch
        assert set(ours) <= {*SUPPORT, *READING, *SERVING}
        assert not {'torch', 'matplotlib', 'onnxruntime', 'pandas'} & {n.split('.')[0] for n in names}


def test_studies_have_no_module():
    for path in (ROOT / 'nbs' / 'research').glob('*.ipynb'):
        assert 'default_exp' not in path.read_text()


def test_quarto_is_asked_only_for_what_it_knows():
    from smalldocs.config import HTML_OPTIONS, load
    from smalldocs.quarto_keys import QUARTO_PAGE_OPTIONS

    project = load(ROOT / 'nbs')
    assert not project.warnings
    options = {key for key in project.html_options() if key not in ('resources',)}
    assert options <= QUARTO_PAGE_OPTIONS | HTML_OPTIONS, options


def test_every_page_stands_in_the_sidebar():
    text = (ROOT / '_quarto.yml').read_text()
    pages = [p.relative_to(ROOT / 'nbs') for kind in ('*.ipynb', '*.qmd') for p in (ROOT / 'nbs').rglob(kind)]
    assert [p for p in pages if str(p) not in text and str(p) != 'index.ipynb'] == []


def test_what_waits_for_binder_and_colab():
    wanted = [line for line in (ROOT / 'binder' / 'requirements.txt').read_text().splitlines() if line[0] not in '#-']
    dev = settings()['dev_requirements'].split()
    assert wanted and set(wanted) <= set(dev)  # the same versions as everywhere
    for cell in json.loads((ROOT / 'colab.ipynb').read_text())['cells']:
        source = re.sub(r'(?m)^(\s*)!.*', r'\1pass', ''.join(cell['source']))
        assert cell['cell_type'] == 'markdown' or compile(source, 'colab', 'exec')


def test_changelog_and_citation_know_the_version():
    version = settings()['version']
    assert f'## {version}' in (ROOT / 'CHANGELOG.md').read_text()
    assert f'version: {version}' in (ROOT / 'CITATION.cff').read_text()


@pytest.mark.parametrize('path', [p for p in NOTEBOOKS if '<Figure' in p.read_text()], ids=lambda p: p.stem)
def test_figures_are_drawn_for_light_and_dark(path):
    cells = [''.join(c['source']) for c in json.loads(path.read_text())['cells'] if c['cell_type'] == 'code']
    assert any("plt.style.use('mnist_nb.figures')" in text for text in cells)


@pytest.mark.parametrize('path', NOTEBOOKS[:6], ids=lambda p: p.stem)
def test_exercises_have_answers_that_were_run(path):
    cells = json.loads(path.read_text())['cells']
    texts = [''.join(c['source']) for c in cells]
    opened = [i for i, text in enumerate(texts) if '<details class="answer">' in text]
    assert len(opened) >= 2
    for i in opened:
        closed = next(j for j in range(i, len(texts)) if '</details>' in texts[j])
        code = [c for c in cells[i:closed] if c['cell_type'] == 'code']
        assert code and all(c['outputs'] for c in code)
        assert all(c['metadata'] == {'jupyter': {'outputs_hidden': True, 'source_hidden': True}} for c in code)


def test_all_that_is_public_is_explained():
    from smalldocs import api

    modules = [module for module in api.package_modules('mnist_nb') if module.__name__ != 'mnist_nb.cli']
    gaps = [gap for module in modules for found in api.gaps(module).values() for gap in found if 'type' not in gap]
    library = ('HttpsOnly.', 'Client.')  # methods that answer a library's own calls
    keywords = ('(facts)', '(settings)', '(overrides)', '(kinds)', '(manner)')  # `**`, whose docments it doesn't read
    public = [gap for gap in gaps if ':_' not in gap]
    assert [gap for gap in public if not any(known in gap for known in library + keywords)] == []
