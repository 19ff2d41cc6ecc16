"What strangers, accidents and odd machines did to an earlier version: each ends in one line, and nothing is lost."

import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from conftest import COMMAND, hosted
from safetensors.torch import load, save

from mnist_nb.models import CheckpointError, create_model, load_weights, save_weights
from mnist_nb.optimize import metadata_of, save_onnx
from mnist_nb.predict import Predictor, predict
from mnist_nb.reading.network import ModelError, find_model
from mnist_nb.reading.picture import ImageError
from mnist_nb.support import sources
from mnist_nb.support.sources import DataError, read_folder
from mnist_nb.train import recipe, train
from mnist_nb.training.run import Interrupted, _read_state

DIGIT = [[0] * 28] * 4 + [[0] * 13 + [250] * 3 + [0] * 12] * 20 + [[0] * 28] * 4


def call(*words, **options):
    "A command, with the environment changed where that is asked for."
    env = {**os.environ, **options.pop('env', {})}
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, env=env, timeout=120, **options)


def failed_well(done, *parts):
    "One line, exit code 2."
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert 'a bug' not in done.stderr and all(part in done.stderr for part in parts), done.stderr


@pytest.fixture
def picture(tmp_path):
    from PIL import Image

    path = tmp_path / 'one.png'
    Image.fromarray(np.array(DIGIT, np.uint8)).save(path)
    return path


@pytest.mark.parametrize('shade', [0, 1, 100, 250, 254, 255])
@pytest.mark.parametrize('size', [(28, 28), (64, 64), (65, 99), (100, 100), (300, 300), (1200, 900)])
def test_blank_pictures_have_no_ink(size, shade):
    rng = np.random.default_rng(0)
    noisy = rng.integers(max(0, min(shade, 250) - 2), min(shade, 250) + 3, size).astype(np.uint8)
    for blank in (np.full(size, shade, np.uint8), noisy):
        with pytest.raises(ImageError, match='no ink'):
            predict(blank)


def test_strips_end_in_a_line_and_cost_others_nothing(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    for i, (shape, fill) in enumerate(
        (shape, fill)
        for shape in ((4, 124), (4, 2000), (40, 2000), (3100, 100), (6000, 70), (64, 3000), (5, 5000), (28, 900))
        for fill in ('noise', 'flat', 'stripes', 'slope')
    ):
        stripes = np.where(np.arange(shape[1]) % 7 == 3, 0, 255) * np.ones(shape)
        slope = np.linspace(0, 255, shape[1]) * np.ones(shape)
        pixels = {'noise': rng.integers(0, 256, shape), 'flat': np.full(shape, 255), 'stripes': stripes, 'slope': slope}
        Image.fromarray(pixels[fill].astype(np.uint8)).save(tmp_path / f'{i:02}.png')
    Image.fromarray(np.array(DIGIT, np.uint8)).save(tmp_path / 'z.png')
    answers = predict(tmp_path, skip_errors=True)
    assert len(answers) == 33 and answers[-1].digit == 1


def test_png_of_a_million_empty_chunks():
    empty = struct.pack('>I4sI', 0, b'teSt', 0)
    head = b'\x89PNG\r\n\x1a\n' + struct.pack('>I4sIIBBBBB', 13, b'IHDR', 28, 28, 8, 0, 0, 0, 0) + bytes(4)
    start = time.monotonic()
    with pytest.raises(ImageError, match='chunks'):
        predict(head + empty * 1_000_000)
    assert time.monotonic() - start < 1


@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='looks into /proc')
@pytest.mark.parametrize('mode', ['L', 'RGB', 'RGBA', 'P'])
def test_large_pictures_take_bounded_memory(tmp_path, mode):
    "A hundred megapixels, the most that is read: at most 800 MB."
    from PIL import Image

    Image.new('L', (10_000, 10_000), 200).convert(mode).save(tmp_path / 'large.png', compress_level=1)
    code = """
import sys
from mnist_nb.predict import predict
predict(sys.argv[1], skip_errors=True)
print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))
"""
    done = subprocess.run(
        [sys.executable, '-c', code, tmp_path / 'large.png'], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 800_000, f'{int(done.stdout) / 1000:.0f} MB'


def test_flipped_bits_are_noticed(tmp_path):
    "In a weights file and in an exported model: refused, or it changes nothing."
    rng, images = random.Random(0), np.array([DIGIT], np.uint8)
    for name, load_, error in (
        ('fast.onnx', lambda p: Predictor(p, threads=1)(images), ModelError),
        (
            'fast.safetensors',
            lambda p: load_weights(p)(torch.from_numpy(images)[:, None]).detach().numpy(),
            CheckpointError,
        ),
    ):
        whole = find_model('fast', Path(name).suffix).read_bytes()
        path = tmp_path / name
        path.write_bytes(whole)
        truth, refused = load_(path), 0
        for _ in range(100):
            data = bytearray(whole)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
            try:
                assert np.array_equal(load_(path), truth)
            except error as e:
                assert len(str(e).splitlines()) == 1
                refused += 1
        assert refused > 90


DEEP = json.loads('[' * 900 + ']' * 900)
METADATA = [
    {'classes': 7},
    {'classes': list(range(10))},
    {'classes': DEEP},
    {'classes': ['0']},
    {'temperature': 'hot'},
    {'temperature': -1},
    {'reject_below': []},
    {'reject_below': 7},
    {'dataset': {}},
    {'arch': None},
    {'arguments': [1]},
]


@pytest.mark.parametrize('metadata', METADATA, ids=lambda n: f'{next(iter(n))}-{type(next(iter(n.values()))).__name__}')
def test_metadata_of_the_wrong_kind(tmp_path, picture, metadata):
    model = create_model('fast')
    if {'arch', 'arguments'} & metadata.keys():
        whole = find_model('fast', '.safetensors').read_bytes()
        size = int.from_bytes(whole[:8], 'little')
        meta = json.loads(whole[8 : 8 + size])['__metadata__']
        facts = {k: v for k, v in json.loads(meta['mnist_nb']).items() if k != 'seal'} | metadata
        (tmp_path / 'm.safetensors').write_bytes(save(load(whole), {**meta, 'mnist_nb': json.dumps(facts)}))
    else:
        model.metadata |= metadata
        save_weights(model, tmp_path / 'm.safetensors')
        proto = onnx.load(find_model('fast'))
        path = save_onnx(proto, tmp_path / 'm.onnx', metadata_of(proto) | metadata)
        if 'dataset' not in metadata:
            failed_well(call('predict', picture, '--model', path), 'm.onnx')
    if metadata != {'classes': ['0']}:
        with pytest.raises(CheckpointError, match=r'm\.safetensors'):
            load_weights(tmp_path / 'm.safetensors')
    if metadata == METADATA[0]:
        failed_well(call('eval', '--model', tmp_path / 'm.safetensors', '--dataset', 'mnist-sample'), 'm.safetensors')


def test_weights_that_are_no_numbers(tmp_path, picture):
    "Not by exporting a network here: later tests fork, which PyTorch's exporter makes impossible."
    for value, name in ((np.nan, 'nan.onnx'), (0, 'zeros.onnx')):
        proto = onnx.load(find_model('fast'))
        for tensor in proto.graph.initializer:
            if tensor.data_type == onnx.TensorProto.FLOAT:
                filled = np.full(tuple(tensor.dims), value, np.float32)
                tensor.CopyFrom(onnx.numpy_helper.from_array(filled, tensor.name))
        save_onnx(proto, tmp_path / name, metadata_of(proto))
    failed_well(call('predict', picture, '--model', tmp_path / 'nan.onnx'), 'no number')
    done = call('predict', picture, '--model', tmp_path / 'zeros.onnx', '--json')
    assert done.returncode == 2 if 'no number' in done.stderr else json.loads(done.stdout)[0]['rejected']


def test_state_of_the_wrong_kind(tmp_path):
    path = tmp_path / 'last_state.safetensors'
    numbers = dict.fromkeys(
        ('epoch', 'step', 'loss_sum', 'correct', 'seen', 'seconds', 'measuring', 'best', 'waited'), 0
    )
    for metadata in (
        {},
        {'config': 7, 'numbers': {}},
        {'config': {}, 'numbers': 'x'},
        {'config': {}, 'numbers': numbers},
        DEEP,
    ):
        path.write_bytes(save({'a': torch.zeros(1)}, {'mnist_nb': json.dumps(metadata)}))
        with pytest.raises(CheckpointError, match='damaged'):
            _read_state(path)
    failed_well(call('train', '--resume', '--save_dir', tmp_path, '--dataset', 'mnist-sample'), 'damaged')


def test_two_trainings_do_not_mix(tmp_path, digits):
    "The second one is told so; the first ends as if nothing had happened."
    told = []

    def second(record, model):
        told.append(
            call('train', '--arch', 'base', '--epochs', '1', '--dataset', 'mnist-sample', '--save_dir', tmp_path)
        )

    result = train(recipe('base', epochs=1, min_steps=0), digits, tmp_path, progress=False, on_epoch=second)
    failed_well(told[0], 'another run is writing here')
    assert load_weights(result.checkpoint).metadata['dataset'] == 'bars'


def test_false_starts_lose_no_weights(tmp_path, digits):
    quick = recipe('base', epochs=1, min_steps=0)
    first = train(quick, digits, tmp_path, progress=False).checkpoint.read_bytes()
    for _ in range(3):

        def stop(record, model):
            raise RuntimeError('a false start')

        with pytest.raises(RuntimeError):
            train(quick, digits, tmp_path, progress=False, on_epoch=stop)
    kept = [path.read_bytes() for path in tmp_path.rglob('best_model.safetensors')]
    assert first in kept


def test_a_resume_tells_of_other_threads(tmp_path, digits):
    quick = recipe('base', epochs=2, min_steps=0)

    def stop(record, model):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train(quick, digits, tmp_path, progress=False, on_epoch=stop)
    torch.set_num_threads(2)
    try:
        with pytest.warns(UserWarning, match='started with 1 threads, now there are 2'):
            train(quick, digits, tmp_path, resume=True, progress=False)
    finally:
        torch.set_num_threads(1)


def test_mnist_is_never_taken_for_something_else(tmp_path, monkeypatch):
    import hashlib

    files = [
        bytes([0, 0, 8, 3]) + struct.pack('>3I', 2, 28, 28) + bytes(2 * 784),
        bytes([0, 0, 8, 1]) + struct.pack('>I', 2) + bytes([3, 4]),
    ]
    for name, data in zip(('images-idx3', 'labels-idx1'), files):
        (tmp_path / f'train-{name}-ubyte').write_bytes(data)
    assert len(read_folder(tmp_path, dataset='fashion')[1]) == 2
    with pytest.raises(DataError, match='did you mean mnist'):
        read_folder(tmp_path, dataset='mnits')
    monkeypatch.setattr(sources, 'SHA256', {'train': tuple(hashlib.sha256(data).hexdigest() for data in files)})
    for name in ('fashion', 'alphabet'):
        with pytest.raises(DataError, match='this is MNIST'):
            read_folder(tmp_path, dataset=name)


def test_odd_shells(tmp_path, picture):
    "No error stream, no home, a terminal that knows ASCII only, no PyTorch, another way to start."
    quick = ['train', '--arch', 'base', '--epochs', '1', '--dataset', 'mnist-sample', '--save_dir', tmp_path / 'run']
    closed = subprocess.run(
        ['sh', '-c', '"$@" 2>&-', 'sh', *map(str, [*COMMAND, *quick])], capture_output=True, text=True
    )
    assert closed.returncode == 0 and 'weights' in closed.stdout
    bare = {k: v for k, v in os.environ.items() if k in ('PATH', 'LANG')}
    start = [sys.executable, '-m', 'mnist_nb.cli']
    done = subprocess.run([*start, 'predict', picture], capture_output=True, text=True, env=bare)
    assert done.returncode == 0 and done.stdout.strip().endswith(': 1')
    ascii_ = {**bare, 'HOME': str(tmp_path), 'PYTHONIOENCODING': 'ascii', 'LC_ALL': 'C'}
    mine = tmp_path / 'grün.png'
    shutil.copy(picture, mine)
    done = subprocess.run([*start, 'predict', mine], capture_output=True, text=True, env=ascii_)
    assert done.returncode == 0 and '\\xfc' in done.stdout
    code = "import sys; sys.modules['torch'] = None; from mnist_nb.cli import main; main(['models'])"
    failed_well(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True), 'torch is not installed')


def test_a_model_folder_that_cannot_be_written_to(tmp_path, picture):
    "The exported file is kept in the cache then."
    models, cache = tmp_path / 'models', tmp_path / 'cache'
    models.mkdir()
    cache.mkdir(mode=0o777)
    shutil.copy(find_model('fast', '.safetensors'), models / 'm.safetensors')
    (models / 'm.safetensors.onnx').mkdir()  # in the way, also of root, whom a mode would not stop
    done = call('predict', picture, '--model', models / 'm.safetensors', env={'XDG_CACHE_HOME': str(cache)})
    assert done.returncode == 0 and 'exporting' in done.stderr and done.stdout.strip().endswith(': 1'), done.stderr
    again = call('predict', picture, '--model', models / 'm.safetensors', env={'XDG_CACHE_HOME': str(cache)})
    assert again.returncode == 0 and again.stderr == '' and len(list(cache.rglob('*.onnx'))) == 1


STRACE = shutil.which('strace')


@pytest.mark.slow
@pytest.mark.skipif(not STRACE, reason='no strace; on Debian: apt install strace')
def test_nothing_phones_home(tmp_path, picture):
    "ONNX Runtime would keep an identity under the home and queue facts for upload: predict, optimize and serve leave and ask nothing."
    home, log = tmp_path / 'home', tmp_path / 'log'
    home.mkdir()
    env = {k: v for k, v in os.environ.items() if k not in ('ORT_DISABLE_TELEMETRY', 'XDG_CACHE_HOME')} | {
        'HOME': str(home)
    }
    for words in (['predict', picture], ['optimize', '--model', 'fast', '--output', tmp_path / 'f.onnx', '--quantize']):
        traced = [STRACE, '-f', '-qq', '-e', 'trace=connect', '-o', log, *COMMAND, *words]
        looks_for_mnist = 'MNIST_NB_DATA' not in env and words[0] == 'optimize'  # and says what is missing
        subprocess.run(list(map(str, traced)), env=env, check=not looks_for_mnist, capture_output=True)
        asked = [line for line in log.read_text().splitlines() if re.search('AF_INET6?', line)]
        assert looks_for_mnist or not asked, asked[:3]
    with hosted('--model', 'fast', shell=f'unset ORT_DISABLE_TELEMETRY XDG_CACHE_HOME; export HOME={home}'):
        time.sleep(2)
    assert not list(home.rglob('*icrosoft*')) and not list(home.rglob('*onnxruntime*'))
