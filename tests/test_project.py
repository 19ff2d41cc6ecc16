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

from mnist_nb.evidence.benchmark import formats_table, load_results, results_table
from mnist_nb.evidence.load import serving_table

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(p for p in (ROOT / 'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)


def settings():
    ini = configparser.ConfigParser(delimiters=['='])
    ini.read(ROOT / 'settings.ini')
    return ini['DEFAULT']


def test_published_table_is_what_the_results_say():
    rows = load_results(ROOT / 'results')
    assert rows, 'no results on complete MNIST'
    readme, bench = ((ROOT / name).read_text() for name in ('README.md', 'nbs/08_bench.ipynb'))
    assert results_table(rows) in readme
    assert formats_table(ROOT / 'results', ('pocket', 'robust')) in readme
    serving = json.loads((ROOT / 'results' / 'serving.json').read_text())
    assert serving_table(serving, ('2',)) in readme
    engine = (ROOT / 'mnist_nb' / 'web' / 'digits.wasm').stat().st_size
    assert f'{engine / 1000:.0f} kB of WebAssembly' in readme
    for table in (results_table(load_results(ROOT / 'results', 'mnist-sample')), formats_table(ROOT / 'results')):
        assert all(json.dumps(line, ensure_ascii=False)[1:-1] in bench for line in table.splitlines())
    for row in rows:
        assert row['accuracy_mean'] == pytest.approx(sum(r['accuracy'] for r in row['runs']) / row['n'])
        assert row['accuracy_mean'] < 0.9993, 'a leak?'


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
    for name in ('settings.ini', 'setup.py', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '-w', tmp_path, source], check=True)
    names = zipfile.ZipFile(next(tmp_path.glob('*.whl'))).namelist()
    weights = {
        f'mnist_nb/weights/{name}.{form}'
        for name in ('fast', 'cnn', 'pocket', 'strong', 'robust')
        for form in ('onnx', 'safetensors')
    }
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


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda p: p.name)
def test_notebook_is_fit_to_be_read(path):
    text = path.read_text()
    assert len(text) < 500_000, 'too large: smaller figures'
    notebook = json.loads(text)
    outputs = json.dumps([c.get('outputs', []) for c in notebook['cells']])
    assert not re.search(r'/(home|root|work|tmp|Users)/', outputs), 'names a path of the machine it ran on'
    assert '"output_type": "error"' not in outputs
    assert [c['source'] for c in notebook['cells'] if c['cell_type'] == 'code'][-1][-1].endswith(
        'nbdev_export()'
    ) or 'default_exp' not in text
    code = [c for c in notebook['cells'] if c['cell_type'] == 'code']
    assert all(c['execution_count'] is None for c in code), 'not cleaned'
    assert any(c['outputs'] for c in code), 'no saved outputs'


def imports(path):
    "Packages that a module imports at its top."
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = 'mnist_nb' + f'.{node.module}' * bool(node.module) if node.level else node.module
            yield name


ROOMS = [
    'data',
    'models',
    'outliers',
    'train',
    'eval',
    'insight',
    'ink',
    'page',
    'predict',
    'intake',
    'batch',
    'serve',
    'host',
    'optimize',
    'chip',
    'bench',
    'peers',
    'costs',
    'load',
    'camera',
    'reject',
    'robustness',
    'cli',
]  # downwards
SHOP = ROOMS[ROOMS.index('ink') : ROOMS.index('optimize')]  # no PyTorch


@pytest.mark.parametrize('room', ROOMS)
def test_imports_run_downwards(room):
    names = list(imports(ROOT / 'mnist_nb' / f'{room}.py'))
    ours = [n.split('.')[1] for n in names if n.startswith('mnist_nb.')]
    assert all(ROOMS.index(n) < ROOMS.index(room) for n in ours)
    assert not [n for n in names if n.split('.')[0] in ('fastcore', 'nbdev')]
    if room in SHOP:
        assert set(ours) <= set(SHOP) and not {'torch', 'scipy', 'matplotlib'} & {n.split('.')[0] for n in names}
