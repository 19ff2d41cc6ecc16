"What the page to explore shows of the test set: `map.json` and `map.webp`, a place, an answer and a picture of every digit."

import io
import json
from pathlib import Path

import numpy as np
import torch
from fastcore.script import call_parse
from PIL import Image
from sklearn.manifold import TSNE
from torch import nn

from mnist_nb.data import DataError, Digits, load_mnist
from mnist_nb.eval import label_errors
from mnist_nb.models import Classifier, infer, load_weights
from mnist_nb.predict import Predictor, find_model
from mnist_nb.support.files import write_atomic
from mnist_nb.support.sources import read_idx


def features(model: Classifier, images: torch.Tensor) -> np.ndarray:
    "What the last linear layer is given, `[n,width]`, for uint8 images `[n,1,28,28]`."
    last, caught = [m for m in model.modules() if isinstance(m, nn.Linear)][-1], []
    hook = last.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].detach().clone()))
    try:
        infer(model, images)
    finally:
        hook.remove()
    return torch.cat(caught).float().cpu().numpy()


def lay_out(values: np.ndarray, steps: int = 500) -> np.ndarray:
    "Places in the plane `[n,2]`, each in 0..1, that keep neighbours of `[n,width]` together (t-SNE)."
    near = min(30, len(values) / 4)
    points = TSNE(init='pca', perplexity=near, max_iter=steps, random_state=0).fit_transform(values)
    return (points - points.min(0)) / (points.max(0) - points.min(0))


def load_writers(path: str | Path, digits: Digits) -> np.ndarray:
    "Who wrote each of MNIST's test digits `[n]`, from QMNIST's `qmnist-test-labels-idx2-int.gz`."
    rows = read_idx(Path(path), 2, 'integers')[0][: len(digits)]
    if rows.shape != (len(digits), 8):
        raise DataError(f'{path}: not a label file of QMNIST with a row for each of {len(digits):,} digits')
    if (rows[:, 0] != digits.labels.numpy()).any():
        raise DataError(f'{path}: its labels are not those of {digits.dataset}: give the file of the test images')
    return rows[:, 2]


def draw_sheet(images: torch.Tensor, across: int = 100) -> Image.Image:
    "One picture of many digits, `across` in a row, in eight shades of gray."
    rows = -(-len(images) // across)
    sheet = np.zeros((rows * across, 28, 28), np.uint8)
    sheet[: len(images)] = np.round(images[:, 0].numpy() / 255 * 7) * 255 / 7
    return Image.fromarray(sheet.reshape(rows, across, 28, 28).swapaxes(1, 2).reshape(rows * 28, across * 28))


def write_map(folder, model='pocket', data_dir=None, writers=None, points=None) -> Path:
    "Write both files to a folder; points `[n,2]` are those of `lay_out`, which takes half a minute."
    folder, digits, predictor = Path(folder), load_mnist('test', data_dir), Predictor(model)
    probabilities = predictor(digits.images.numpy())
    if points is None:
        network = load_weights(find_model(model).with_suffix('.safetensors'))
        points = lay_out(features(network, digits.images))
    places = np.round(points * 1023).astype(int)
    content = {
        'dataset': digits.dataset,
        'model': model,
        'reject_below': predictor.metadata['reject_below'],
        'labels': ''.join(map(str, digits.labels.tolist())),
        'answers': ''.join(map(str, probabilities.argmax(1).tolist())),
        'sure': probabilities.max(1).astype(float).round(4).tolist(),
        'x': places[:, 0].tolist(),
        'y': places[:, 1].tolist(),
        'label_errors': label_errors(digits),
        'writers': load_writers(writers, digits).tolist() if writers else None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    out = io.BytesIO()
    draw_sheet(digits.images).convert('RGB').save(out, 'WEBP', lossless=True)
    write_atomic(folder / 'map.webp', out.getvalue())
    write_atomic(folder / 'map.json', json.dumps(content, separators=(',', ':')).encode())
    return folder / 'map.json'


@call_parse
def main(
    folder: str,  # Where map.json and map.webp go
    writers: str = '',  # QMNIST's label file of the test images: who wrote which
):
    "Lay out the test digits in the plane, for the page to explore."
    print(write_map(folder, writers=writers or None))
