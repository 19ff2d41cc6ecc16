"A clean tree: lint, format, and what is generated is what the notebooks say."

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, copy_of_tree


@pytest.mark.parametrize('command', ['ruff check .', 'ruff format --check .', 'hadolint deploy/Dockerfile'])
def test_lint(command):
    tool, *words = command.split()
    if not shutil.which(tool):
        pytest.skip(f'no {tool} for this machine')
    done = subprocess.run([tool, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f'{done.stdout[-2000:]}; mend it with: make format'


def contents(folder):
    "Every file and what is in it."
    files = (p for p in folder.rglob('*') if p.is_file() and '.git' not in p.parts and '__pycache__' not in p.parts)
    return {p.relative_to(folder): p.read_bytes() for p in files}


def test_generated_files_are_in_step(tmp_path):
    copy_of_tree(tmp_path)
    for command in (['nbdev_clean'], ['nbdev_export'], [sys.executable, 'tools/readme.py']):
        before = contents(tmp_path)
        subprocess.run(command, cwd=tmp_path, check=True)
        after = contents(tmp_path)
        changed = sorted(str(p) for p in before.keys() | after.keys() if before.get(p) != after.get(p))
        assert not changed, f'{command[-1]} changes {changed[:9]}; mend it with: make format'


@pytest.mark.slow
def test_service_from_its_lock_and_wheel():
    "The container's environment without the container."
    subprocess.run([sys.executable, '.ci/container.py', 'wheel'], cwd=ROOT, check=True)


@pytest.mark.slow
def test_container():
    can_mount = subprocess.run(['unshare', '--mount', 'true'], capture_output=True).returncode == 0
    if os.geteuid() or not (shutil.which('buildah') and shutil.which('debootstrap') and can_mount):
        pytest.skip('needs root, buildah and debootstrap')
    subprocess.run([sys.executable, '.ci/container.py', 'image'], cwd=ROOT, check=True)
