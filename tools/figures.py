"Draw the pictures that README and notebooks open with: `make figures`."

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps

from mnist_nb.data import augment, generator, load_mnist, show_digits
from mnist_nb.evidence.benchmark import load_results
from mnist_nb.evidence.peers import plot_race
from mnist_nb.predict import predict
from mnist_nb.support.record import load_record
from mnist_nb.train import AUGMENTATIONS

ROOT = Path(__file__).resolve().parent.parent
IMAGES, RESULTS = ROOT / 'nbs' / 'images', ROOT / 'results' / 'avx2'


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
        bottom.imshow(answer.seen, cmap='gray')
        top.set_title(name, fontsize=10)
        bottom.set_xlabel(f'{answer.digit}  ({answer.probability:.1%})', fontsize=11)
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
    "Test error against seconds of training."
    plot_race(load_record(RESULTS, 'peers'), load_results(RESULTS)).savefig(IMAGES / 'race.png', dpi=110)


def main():
    draw_reads()
    draw_digits()
    draw_race()


if __name__ == '__main__':
    main()
