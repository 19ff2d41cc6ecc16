"Draw the pictures that README and notebooks open with, and the page's example: `make figures`."

import base64
import io
import json
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageFilter, ImageOps
from playwright.sync_api import sync_playwright

from mnist_nb.data import augment, generator, load_mnist, show_digits, stratified_split
from mnist_nb.drawing.camera import photograph, plain_scene
from mnist_nb.eval import show_worst
from mnist_nb.models import create_model
from mnist_nb.optimize import plot_forms
from mnist_nb.predict import predict
from mnist_nb.reading.page import explain, prepare
from mnist_nb.support.record import load_record
from mnist_nb.train import AUGMENTATIONS

ROOT = Path(__file__).resolve().parent.parent
HARD = (
    2130,
    3422,
    8408,
    726,
)  # test images that robust and pocket misread or refuse; the label of 2130 is known to be wrong
IMAGES, RESULTS, WEB = ROOT / 'nbs' / 'images', ROOT / 'results' / 'avx2', ROOT / 'mnist_nb' / 'web'


def disguises(digits):
    "Eight test digits, each as people have them."
    first = [digits.images[digits.labels == label][0, 0].numpy() for label in (2, 0, 4, 7, 5, 3, 8, 6)]
    big = [Image.fromarray(d).resize((224, 224), Image.Resampling.BICUBIC) for d in first]
    clear = Image.new('RGBA', big[2].size, 'seagreen')
    clear.putalpha(big[2])
    corner = Image.new('L', (480, 360), 235)
    corner.paste(big[3].point(lambda v: 235 - v * 200 // 255), (240, 16))
    yield 'MNIST', Image.fromarray(first[0])
    yield 'black on white', ImageOps.invert(big[1])
    yield 'transparent', clear
    yield 'off centre', corner
    yield 'coloured', ImageOps.colorize(big[4], 'lavenderblush', 'crimson')
    yield 'faint', big[5].point(lambda v: 215 - v // 4)
    yield 'blurred', big[6].filter(ImageFilter.GaussianBlur(7))
    yield 'wide', ImageOps.invert(big[7]).resize((360, 200))


def draw_reads():
    "What people show, what the network sees, what it answers."
    names, pictures = zip(*disguises(load_mnist('test')))
    answers = predict(list(pictures))
    fig, axes = plt.subplots(2, len(names), figsize=(10, 3), layout='constrained')
    for (top, bottom), name, picture, answer in zip(axes.T, names, pictures, answers):
        shown = picture.convert('RGBA')
        checks = Image.fromarray(
            np.where(np.indices((shown.height, shown.width)).sum(0) // 16 % 2, 235, 255).astype(np.uint8)
        ).convert('RGBA')
        top.imshow(Image.alpha_composite(checks, shown))
        bottom.imshow(answer.model_input, cmap='gray')
        top.set_title(name, fontsize=10)
        said = f'{answer.digit}  ({answer.probability:.1%})'
        bottom.set_xlabel(f'refused: {answer.digit}?' if answer.rejected else said, fontsize=11)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    axes[0, 0].set_ylabel('picture')
    axes[1, 0].set_ylabel('seen as')
    fig.savefig(IMAGES / 'reads.png', dpi=110)


def draw_digits():
    "Twenty digits, and the same twenty augmented."
    images = load_mnist().images[:20] / 255
    both = torch.cat([images, augment(images, AUGMENTATIONS['full'], generator('picture'))])
    show_digits(both, columns=20, size=0.5).savefig(IMAGES / 'digits.png', dpi=110)


def draw_race():
    "Test error against time, as the study of the baselines shows it."
    cells = json.loads((ROOT / 'nbs' / 'research' / 'baselines.ipynb').read_text())['cells']
    outputs = next(c['outputs'] for c in cells if 'def plot_race(' in ''.join(c['source']))
    (IMAGES / 'race.png').write_bytes(base64.b64decode(''.join(outputs[0]['data']['image/png'])))


@torch.no_grad()
def draw_layers():
    "A seven on its way through `cnn`."
    model = create_model('cnn', pretrained=True)
    digits = load_mnist('test')
    x = digits.images[digits.labels == 7][:1]
    stages = [x[0] / 255]
    x = model.normalize(x)
    for i, layer in enumerate(model.net):
        x = layer(x)
        if i in (2, 6, 10, 11):
            stages.append(x[0])
    fig = plt.figure(figsize=(10, 3))
    widths, titles = (
        [1, 1.6, 2.6, 0.5, 1.2],
        ['28 x 28 pixels', '16 maps, 12 x 12', '32 maps, 6 x 6', '72 units', '10 logits'],
    )
    grid = fig.add_gridspec(1, 5, width_ratios=widths, left=0.01, right=0.99, top=0.84, bottom=0.12, wspace=0.16)
    for cell, stage, title, columns in zip(grid, stages, titles, (1, 4, 8, 1, 1)):
        head = fig.add_subplot(cell)
        head.set_title(title, fontsize=11)
        head.axis('off')
        if stage.ndim == 3:
            inner = cell.subgridspec(-(-len(stage) // columns), columns, wspace=0.08, hspace=0.08)
            for place, part in zip(inner, stage):
                ax = fig.add_subplot(place)
                ax.imshow(part, cmap='gray_r', vmin=0, vmax=stage.max())
                ax.set(xticks=[], yticks=[])
        elif len(stage) > 10:
            ax = fig.add_subplot(cell)
            ax.imshow(stage.reshape(18, 4), cmap='gray_r', aspect='auto')
            ax.set(xticks=[], yticks=[])
        else:
            ax = fig.add_subplot(cell)
            ax.barh(range(10), stage - stage.min() + 0.1, color=['C1' if i == 7 else 'C7' for i in range(10)])
            ax.set(yticks=range(10), xticks=[])
            ax.invert_yaxis()
            ax.spines[['top', 'right', 'bottom']].set_visible(False)
    fig.savefig(IMAGES / 'layers.png', dpi=110)


def draw_errors():
    "The surest mistakes of `cnn`."
    model = create_model('cnn', pretrained=True)
    test = load_mnist('test')
    fig = show_worst(model.predict_proba(test.images), test, n=20)
    fig.savefig(IMAGES / 'errors.png', dpi=110)


def draw_sizes():
    "Size against time of one answer, of three networks."
    forms = ('ONNX float32', 'ONNX int8', 'ONNX int4')
    tables = {}
    for name in ('fast', 'cnn', 'strong'):
        table = pd.DataFrame(load_record(RESULTS, 'formats')['networks'][name]['forms'])
        tables[name] = table[table.form.isin(forms)].reset_index()
    plot_forms(tables).savefig(IMAGES / 'sizes.png', dpi=110)


def draw_pad():
    "The pad at work, as a picture that moves: a seven, a nine and a scribble are drawn, by a browser."
    handler = partial(SimpleHTTPRequestHandler, directory=WEB)
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server, sync_playwright() as playwright:
        Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which('chromium') or shutil.which('google-chrome'),
            args=['--no-sandbox', '--disable-gpu'],
        )
        page = browser.new_page(viewport={'width': 760, 'height': 480}, color_scheme='light')
        page.goto(f'http://127.0.0.1:{server.server_port}/index.html')
        page.wait_for_selector('body[data-ready]')
        page.add_style_tag(content='header, #examples, .buttons, .wide, footer { display: none !important }')
        examples = page.evaluate("import('./examples.js').then(m => m.examples)")
        frames, waits = [], []

        def shoot(wait):
            frames.append(Image.open(io.BytesIO(page.screenshot(clip={'x': 0, 'y': 0, 'width': 760, 'height': 330}))))
            waits.append(wait)

        box = page.locator('#pad').bounding_box()
        for name in ('a seven with a bar', 'a four or a nine?', 'a scribble'):
            page.evaluate("document.getElementById('clear').click()")
            for stroke in next(e['strokes'] for e in examples if e['name'] == name):
                for i, p in enumerate(stroke):
                    page.mouse.move(box['x'] + p['x'] * box['width'], box['y'] + p['y'] * box['height'])
                    if i == 0:
                        page.mouse.down()
                    if i % 6 == 5:
                        shoot(90)
                page.mouse.up()
            shoot(1600)
        browser.close()
        server.shutdown()
    small = [f.convert('RGB').resize((608, 264), Image.Resampling.LANCZOS).quantize(32) for f in frames]
    small[0].save(IMAGES / 'pad.gif', save_all=True, append_images=small[1:], duration=waits, loop=0)


def draw_example():
    "What the page can be tried with: hard digits of MNIST, a photograph of a validation digit and what is made of it."
    digits = load_mnist()
    held_out = stratified_split(digits.labels, 5_000)[1]
    five = digits.images[held_out[digits.labels[held_out] == 5][3], 0].numpy()
    rng, blue = np.random.default_rng(4), np.array([0.65, 0.75, 0.95])
    pencil = dict(digit=0.5, pen=0.025, ink=np.full(3, 0.5), squares=(1 / 12, 0.005, blue), light=0.3, vignette=0.3)
    photo = Image.open(io.BytesIO(photograph(five, plain_scene(rng) | pencil, rng))).convert('RGB')
    photo.thumbnail((480, 480))
    photo.save(WEB / 'photo.jpg', quality=70)
    photo = Image.open(WEB / 'photo.jpg')
    explain(photo).quantize(64).save(WEB / 'photo-way.png', optimize=True)
    test = load_mnist('test')
    hard = [{'label': int(test.labels[i]), 'seen': test.images[i].ravel().tolist()} for i in HARD]
    examples = {'photo': prepare(photo).ravel().tolist(), 'hard': hard}
    (WEB / 'examples.json').write_text(json.dumps(examples, separators=(',', ':')))


def main():
    plt.style.use('mnist_nb.figures')
    draw_example()
    draw_pad()
    draw_layers()
    draw_errors()
    draw_sizes()
    draw_reads()
    draw_digits()
    draw_race()


if __name__ == '__main__':
    main()
