"The notebooks' pad in a real JupyterLab: drawn on with the mouse, answered in Python."

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest


@pytest.fixture
def lab(tmp_path):
    "JupyterLab on a folder with one notebook: its address."
    cells = ['from mnist_nb.serving.pad import Pad\npad = Pad()\npad', "print('read', pad.number, pad.image.shape)"]
    made = [
        {'cell_type': 'code', 'id': f'cell{i}', 'metadata': {}, 'source': c, 'outputs': [], 'execution_count': None}
        for i, c in enumerate(cells)
    ]
    kernel = {'kernelspec': {'name': 'python3', 'display_name': 'Python 3', 'language': 'python'}}
    (tmp_path / 'try.ipynb').write_text(
        json.dumps({'cells': made, 'metadata': kernel, 'nbformat': 4, 'nbformat_minor': 5})
    )
    homes = {
        name: str(tmp_path / name) for name in ('JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'HOME')
    }
    command = [
        sys.executable,
        '-m',
        'jupyterlab',
        '--no-browser',
        '--allow-root',
        '--port=0',
        '--ServerApp.ip=127.0.0.1',
    ]
    command += [
        '--ServerApp.root_dir',
        str(tmp_path),
        '--LabApp.news_url=',
        '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate',
    ]
    with open(tmp_path / 'log', 'w+') as log:
        process = subprocess.Popen(command, stderr=log, stdout=log, cwd=tmp_path, env={**os.environ, **homes})
        try:
            end = time.monotonic() + 90
            while not (
                found := re.search(r'http://127\.0\.0\.1:(\d+)/lab\?token=(\w+)', (tmp_path / 'log').read_text())
            ):
                assert process.poll() is None and time.monotonic() < end, (tmp_path / 'log').read_text()[-2000:]
                time.sleep(0.2)
            yield f'http://127.0.0.1:{found[1]}/lab/tree/try.ipynb?token={found[2]}'
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_the_pad_in_jupyterlab(browser, lab):
    page = browser.new_page(viewport={'width': 1200, 'height': 900})
    page.goto(lab)
    page.wait_for_selector('.jp-Notebook .jp-CodeCell', timeout=90_000)
    page.get_by_text('| Idle').wait_for(timeout=90_000)  # the kernel is there
    page.locator('.jp-CodeCell').first.click()
    page.keyboard.press('Shift+Enter')
    pad = page.locator('.jp-OutputArea canvas[aria-label^="Draw"]')
    pad.wait_for(timeout=120_000)  # the package is imported
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box['x'] + 140, box['y'] + 50)
    page.mouse.down()
    for y in range(60, 230, 10):
        page.mouse.move(box['x'] + 140, box['y'] + y)
    page.mouse.up()
    page.locator('.jp-OutputArea [role=status]').get_by_text('1 (').wait_for(timeout=30_000)
    page.locator('.jp-CodeCell').nth(1).click()
    page.keyboard.press('Shift+Enter')
    page.get_by_text('read 1 (28, 28)').wait_for(timeout=30_000)
    page.close()
