"""People's own pictures, drawn here: one answer by every way in; classes that keep their names from folder to service."""

import io
import json
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from mnist_nb.data import load_sample
from mnist_nb.predict import Predictor, predict
from mnist_nb.serving.app import Service, create_app

TURNS = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


@pytest.fixture(scope='module')
def four():
    digits = load_sample('test')
    image = digits.images[digits.labels == 4][3, 0].numpy()
    return Image.fromarray(255 - image).resize((280, 280), Image.Resampling.BICUBIC)


@pytest.fixture(scope='module')
def client():
    with TestClient(create_app(Service({'robust': Predictor('robust', threads=1)}, threads=1))) as client:
        yield client


def command(*words, cwd=None):
    code = 'from mnist_nb.cli import main; main()'
    return subprocess.run([sys.executable, '-c', code, *map(str, words)], capture_output=True, text=True, cwd=cwd)


def by_every_way(path, client):
    data = path.read_bytes()
    answers = [predict(way)[0].digit for way in (path, str(path), data, io.BytesIO(data), Image.open(path))]
    answers += [client.post('/predict', content=data).json()['digit']]
    answers += [client.post('/predict', files={'image': data}, data={'who': 'me'}).json()['digit']]
    return answers


@pytest.mark.parametrize('orientation', TURNS)
def test_a_photograph_stands_upright_by_every_way(orientation, four, client, tmp_path):
    exif, turn = Image.Exif(), TURNS[orientation]
    exif[0x0112] = orientation
    (four.transpose(turn) if turn is not None else four).save(tmp_path / 'a.jpg', exif=exif)
    assert by_every_way(tmp_path / 'a.jpg', client) == [4] * 7


@pytest.mark.parametrize('bits', [8, 10, 12, 16])
def test_scans_of_any_depth(bits, four, client, tmp_path):
    values = (np.asarray(four) / 255 * (2**bits - 1)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / 'a.png')
    Image.fromarray(values.astype(np.float32)).save(tmp_path / 'a.tif')
    assert by_every_way(tmp_path / 'a.png', client) == by_every_way(tmp_path / 'a.tif', client) == [4] * 7
    assert [p.digit for p in (*predict(values), *predict(values.astype(float)), *predict(values.astype(int)))] == [
        4
    ] * 3


@pytest.mark.parametrize('kind', ['HEIF', 'AVIF'])
def test_pictures_of_phones(kind, four, client, tmp_path):
    pytest.importorskip('pillow_heif').register_heif_opener()
    four.convert('RGB').save(tmp_path / 'IMG_1.jpg', kind)  # under a wrong name, as people send them
    assert by_every_way(tmp_path / 'IMG_1.jpg', client) == [4] * 7


def test_pages_of_a_scan(four, tmp_path):
    four.save(tmp_path / 'a.tif', save_all=True, append_images=[four.transpose(Image.Transpose.ROTATE_180), four])
    answers = predict(tmp_path / 'a.tif')
    assert [a.path.rpartition(', ')[2] for a in answers] == ['page 1', 'page 2', 'page 3']
    assert [answers[0].digit, answers[2].digit] == [4, 4] and answers[1].model_input[:14].sum() != 0
    done = command('predict', tmp_path / 'a.tif', '--json')
    assert [p['digit'] for p in json.loads(done.stdout)] == [a.digit for a in answers]


def test_what_is_no_picture_is_named(four, tmp_path):
    four.save(tmp_path / 'a.png')
    (tmp_path / 'deep' / 'er').mkdir(parents=True)
    four.save(tmp_path / 'deep' / 'er' / 'b.png')
    for name, data in (
        ('form.pdf', b'%PDF-1.7'),
        ('c.heic', b'\0\0\0\x1cftypheic'),
        ('.DS_Store', b'x'),
        ('d.png', b''),
    ):
        (tmp_path / name).write_bytes(data)
    done = command('predict', '.', cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.splitlines() == ['a.png: 4', 'deep/er/b.png: 4']
    for said in (
        'form.pdf',
        '1 file (form.pdf) and 1 hidden',
        'c.heic',
        'd.png: the file is empty',
        '2 could not be opened',
    ):
        assert said in done.stderr, said
    assert command('predict', 'form.pdf', cwd=tmp_path).returncode == 1
    assert 'pdftoppm' in command('predict', 'form.pdf', cwd=tmp_path).stderr


def test_a_predictor_survives_a_spawned_pool():
    model, pixels = Predictor('fast', threads=1), load_sample('test').images[:4].numpy()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:
        assert np.array_equal(pool.submit(model.predict_proba, pixels).result(), model.predict_proba(pixels))


def test_names_of_classes_travel_from_folders_to_a_service(tmp_path):
    digits = load_sample()
    for name, digit in (('ten', 1), ('x', 7)):
        for i, image in enumerate(digits.images[digits.labels == digit][:30, 0].numpy()):
            (tmp_path / 'mine' / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(255 - image).resize((90, 90)).save(tmp_path / 'mine' / name / f'{i}.png')
    words = 'train', '--init', 'fast', '--data-dir', 'mine', '--save-dir', 'run', '--epochs', '40', '--batch-size', '16'
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 0 and 'not calibrated' in done.stdout and 'every fifth' in done.stderr, done.stderr
    weights = tmp_path / 'run' / 'best_model.safetensors'
    done = command('eval', '--model', weights, '--data-dir', 'mine', '--errors', 'wrong', '--json', cwd=tmp_path)
    score = json.loads(done.stdout)
    assert score['classes'] == ['ten', 'x'] and score['accuracy'] > 0.9 and (tmp_path / 'wrong' / 'errors.png').exists()
    done = command('optimize', '--model', weights, '--output', 'mine.onnx', cwd=tmp_path)  # without the data
    assert done.returncode == 0 and 'mine is not at hand' in done.stderr, done.stderr
    model = Predictor(tmp_path / 'mine.onnx')
    data = (tmp_path / 'mine' / 'x' / '0.png').read_bytes()
    with TestClient(create_app(Service({'mine': model}, threads=1))) as client:
        answer = client.post('/predict', content=data).json()
    assert answer['digit'] == predict(data, model)[0].digit == 'x'
