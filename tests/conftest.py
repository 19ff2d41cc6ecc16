import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from drawing import photo_of
from playwright.sync_api import sync_playwright

from mnist_nb.data import CLASSES, load_mnist, make_digits

ROOT = Path(__file__).resolve().parent.parent
ALL = 'MNIST_NB_TEST_ALL' in os.environ  # `make test-all`: what is slow and rarely breaks, too
torch.set_num_threads(1)  # small work is faster so, and the suite's runs are compared bit for bit


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups (with pytest 9.2 it doesn't)
def pytest_collection_modifyitems(config, items):
    "Leave what is slow to `make test-all`; tests of a file share one process and its fixtures, a notebook has its own."
    slow = [item for item in items if item.get_closest_marker('slow') and not ALL]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
    for item in items:
        if item.path.stem != 'test_notebooks':
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_terminal_summary(terminalreporter):
    "Say what each part took."
    took = Counter()
    for report in (r for reports in terminalreporter.stats.values() for r in reports if hasattr(r, 'duration')):
        took[report.nodeid.partition('::')[0].rpartition('/')[2]] += report.duration
    terminalreporter.section('seconds')
    for name, seconds in took.most_common():
        terminalreporter.write_line(f'{seconds:7.1f}  {name}')


def pytest_unconfigure(config):
    "Close with one line that says how it went."
    reporter = config.pluginmanager.get_plugin('terminalreporter')
    if reporter and not hasattr(config, 'workerinput'):
        n = {word: len(reporter.stats.get(word, [])) for word in ('passed', 'failed', 'error', 'skipped')}
        print(f'\n{n["passed"]} passed, {n["failed"] + n["error"]} failed, {n["skipped"]} skipped')


def copy_of_tree(folder):
    "Copy the last commit, or where there is no repository the files as they are: what a user is working on is no mistake."
    tracked = ['git', 'cat-file', '-e', 'HEAD:./settings.ini']  # a repository of this project, not one around it
    if shutil.which('git') and subprocess.run(tracked, cwd=ROOT, capture_output=True).returncode == 0:
        archive = subprocess.run(['git', 'archive', 'HEAD'], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(['tar', 'x'], cwd=folder, input=archive, check=True)
    else:
        names = shutil.ignore_patterns(
            '.venv', '.git', '_proc', '_docs', 'models', '*.egg-info', '__pycache__', '.*_cache'
        )
        shutil.copytree(ROOT, folder, ignore=names, symlinks=True, dirs_exist_ok=True)


@pytest.fixture(scope='session')
def digits():
    "A thousand pictures that can be learned: a bright bar whose place is the class, in noise."
    rng = np.random.default_rng(0)
    labels = np.arange(1000) % 10
    images = rng.integers(0, 60, (1000, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels):
        image[4:24, 2 + 2 * label : 5 + 2 * label] = 250
    return make_digits(images, labels, CLASSES['mnist'], 'bars', 'train', 'the test suite')


COMMAND = [sys.executable, '-c', 'from mnist_nb.cli import main; main()']


@contextmanager
def hosted(*words, shell=''):
    "`mnist-nb serve` in a process of its own, after a line for the shell if one is given: the process, and its port."
    command = [*COMMAND, 'serve', '--port', '0', '--access-log', 'none', *map(str, words)]
    command = ['sh', '-c', f'{shell}; exec "$@"', 'sh', *command] if shell else command
    with tempfile.TemporaryFile('w+') as log:
        process = subprocess.Popen(command, stderr=log, text=True)
        try:
            end, said = time.monotonic() + 60, ''
            while 'answering on' not in said:
                assert process.poll() is None and time.monotonic() < end, said
                time.sleep(0.02)
                log.seek(0)
                said = log.read()
            yield process, int(said.strip().rpartition(':')[2])
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@pytest.fixture(scope='session')
def service():
    "The service, as it starts by itself."
    with hosted() as (process, port):
        yield process, port


@pytest.fixture(scope='session')
def pictures():
    "Real digits, uint8 `[n,28,28]`, that the shipped weights were not trained on where there is complete MNIST."
    return load_mnist('test').images[:, 0].numpy()


@pytest.fixture(scope='module')
def browser(pictures, tmp_path_factory):
    "Chromium, whose camera looks at a photo."
    if not (chromium := shutil.which('chromium') or shutil.which('google-chrome')):
        pytest.skip('no Chromium; on Debian: apt install chromium')
    film = tmp_path_factory.mktemp('camera') / 'film.mjpeg'  # pictures, one after the other
    photo_of(pictures[0]).resize((640, 480)).convert('RGB').save(film, 'JPEG')
    film.write_bytes(film.read_bytes() * 2)
    camera = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream']
    camera += [f'--use-file-for-fake-video-capture={film}']
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=['--no-sandbox', '--disable-gpu', *camera])


@pytest.fixture
def open_page(browser):
    "Open the page, and fail on whatever it says on the console."
    said, contexts, meant = [], [], []

    def open_(url, expected='nothing', **options):
        meant.append(expected)
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on('console', lambda m: said.append(m.text) if m.type in ('error', 'warning') else None)
        page.on('pageerror', lambda e: said.append(str(e)))
        page.goto(url)
        page.wait_for_selector('body[data-ready]')
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not [s for s in said if not any(m in s for m in meant)]


@pytest.fixture(scope='session')
def site(tmp_path_factory):
    "The site, as `make docs` builds it, with all of its links followed, behind an address: that one, and its folder."
    tree = tmp_path_factory.mktemp('tree')
    copy_of_tree(tree)
    subprocess.run([sys.executable, 'tools/docs.py', '--check'], cwd=tree, check=True)
    folder = tree / '_docs'
    with ThreadingHTTPServer(('127.0.0.1', 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}/', folder
        server.shutdown()
