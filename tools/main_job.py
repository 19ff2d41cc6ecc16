"What `make train` does: train two networks, evaluate them, write the figures, read a few digits."

import json
import subprocess
import sys
from pathlib import Path


def mnist_nb(*words):
    "Run a command with its progress on the terminal, and return what it printed as JSON."
    command = [sys.executable, '-c', 'from mnist_nb.cli import main; main()', *map(str, words), '--json']
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        while True:
            try:
                out = process.communicate()[0]
                break
            except KeyboardInterrupt:  # the command got it too, and is saving its run
                continue
    if process.returncode:
        sys.exit(process.returncode)
    return json.loads(out)


def train(arch, folder):
    "Train a network, or go on with a run of it that was cut."
    state, weights = folder / 'last_state.safetensors', folder / 'best_model.safetensors'
    if state.exists() and not weights.exists():
        print('(going on with the run that was cut)', flush=True)
        return mnist_nb('train', '--arch', arch, '--save_dir', folder, '--resume')
    return mnist_nb('train', '--arch', arch, '--save_dir', folder)


def main():
    rows = []
    for arch, folder in (('improved', Path('models')), ('cnn', Path('models/cnn'))):
        print(f'\n== training {arch} ==', flush=True)
        run = train(arch, folder)
        score = mnist_nb('eval', '--model', run['checkpoint'], '--figures', folder / 'figures')
        rows.append((arch, run, score, folder))
    paths = mnist_nb('extract')
    answers = mnist_nb(
        'predict', '--model', rows[-1][1]['checkpoint'], *[w for p in paths[::5] for w in ('--image', p)]
    )
    print(f'\n{"network":<10} {"test accuracy":<28} {"training":<10} weights and figures')
    for arch, run, score, folder in rows:
        accuracy = f'{score["accuracy"]:.2%} ({score["accuracy_low"]:.2%}..{score["accuracy_high"]:.2%})'
        print(f'{arch:<10} {accuracy:<28} {run["train_seconds"]:>5.0f} s    {run["checkpoint"]}, {folder / "figures"}/')
    print(f'\nmeasured on the {rows[0][2]["test_images"]:,} test images of {rows[0][2]["dataset"]}')
    if rows[0][2]['dataset'] != 'mnist':
        print('complete MNIST was not at hand: name a folder that holds it with MNIST_NB_DATA=FOLDER make train')
    right = sum(Path(a['path']).name.startswith(f'digit_{a["digit"]}_') for a in answers)
    print(
        f'{right} of {len(answers)} test digits in test_images/ read right: {" ".join(str(a["digit"]) for a in answers)}'
    )
    bin_ = Path(sys.executable).parent
    print('\nnext:')
    print(f'  {bin_}/mnist-nb predict --image YOUR_PICTURE.png --top_k 3 --confidence')
    print(f'  {bin_}/mnist-nb optimize --model models/cnn/best_model.safetensors --quantize')
    print('  make lab    (the notebooks)')


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
