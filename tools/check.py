"What `make test` does: sync checks, lint, format, notebooks, tests, site; closes with `N passed, N failed, N skipped`."

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTS: Counter = Counter()


def run(*command, cwd=ROOT, **settings):
    "Run a command, show what it prints as it prints it, and return its exit code and its output."
    print(f'\n== {" ".join(map(str, command))}', flush=True)
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines, start = [], time.monotonic()
    for line in process.stdout:
        print(line, end='', flush=True)
        lines.append(line)
    code = process.wait()
    print(f'-- {time.monotonic() - start:.0f} s', flush=True)
    return code, ''.join(lines)


def count(ok, what, remedy=''):
    "Count one check."
    COUNTS['passed' if ok else 'failed'] += 1
    if not ok:
        print(f'FAILED: {what}{f"; mend it with: {remedy}" if remedy else ""}', flush=True)


def copy_of_tree(folder):
    "Copy the last commit, or where there is no repository the files as they are: what a user is working on is no mistake."
    tracked = ['git', 'cat-file', '-e', 'HEAD:./settings.ini']  # a repository of this project, not one around it
    if shutil.which('git') and subprocess.run(tracked, cwd=ROOT, capture_output=True).returncode == 0:
        archive = subprocess.run(['git', 'archive', 'HEAD'], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(['tar', 'x'], cwd=folder, input=archive, check=True)
    else:
        names = shutil.ignore_patterns(
            '.venv', '.git', '_proc', '_docs', 'models', 'runs', '*.egg-info', '__pycache__', '.*_cache'
        )
        shutil.copytree(ROOT, folder, ignore=names, symlinks=True, dirs_exist_ok=True)


def contents(folder):
    "Every file and what is in it."
    files = (p for p in folder.rglob('*') if p.is_file() and '.git' not in p.parts and '__pycache__' not in p.parts)
    return {p.relative_to(folder): p.read_bytes() for p in files}


def check_sync():
    "A clean tree stays as it is after cleaning, exporting and writing the README."
    with tempfile.TemporaryDirectory() as tmp:
        copy_of_tree(Path(tmp))
        for command in (['nbdev_clean'], ['nbdev_export'], [sys.executable, 'tools/readme.py']):
            before = contents(Path(tmp))
            code, _ = run(*command, cwd=tmp)
            after = contents(Path(tmp))
            changed = sorted(str(p) for p in before.keys() | after.keys() if before.get(p) != after.get(p))
            count(code == 0 and not changed, f'{command[-1]} changes {", ".join(changed)[:300]}', 'make format')


def check_notebooks():
    "Run every notebook; the lines that say one was completed are counted, since nothing else tells that any ran."
    flags = ['--flags', 'scale'] if find_spec('ray') else []
    if not flags:
        print('cells that need a cluster are left out: pip install "mnist-nb[scale]"', flush=True)
    code, out = run(
        'nbdev_test',
        *flags,
        '--do_print',
        '--timing',
        '--n_workers',
        min(2, os.cpu_count() or 1),
        OMP_NUM_THREADS='1',
        TQDM_DISABLE='1',
    )
    ran = len(re.findall(r'^- Completed ', out, re.M))
    failed = len(re.findall(r'^\t', out.partition('nbdev Tests Failed On')[2], re.M))
    if not ran or (code and not failed):
        failed = max(failed, 1)
    COUNTS['passed'] += max(ran - failed, 0)
    COUNTS['failed'] += failed


def check_pytest(site):
    "Run the black-box tests."
    code, out = run(sys.executable, '-m', 'pytest', '-q', '-rs', 'tests', MNIST_NB_SITE=str(site))
    found = {
        word: int(n) for n, word in re.findall(r'(\d+) (passed|failed|error|skipped)', out.strip().splitlines()[-1])
    }
    COUNTS['passed'] += found.get('passed', 0)
    COUNTS['skipped'] += found.get('skipped', 0)
    COUNTS['failed'] += found.get('failed', 0) + found.get('error', 0) or (1 if code else 0)


def check_site(folder):
    "Build the site in a copy of the tree, and follow its links."
    copy_of_tree(folder)
    count(run(sys.executable, 'tools/docs.py', '--check', cwd=folder)[0] == 0, 'the site does not build')
    return folder / '_docs'


def check_container():
    "Lint the Dockerfile; build it and try it where that can be done, else the same lock and wheel in an environment."
    if shutil.which('hadolint'):
        count(run('hadolint', 'Dockerfile')[0] == 0, 'Dockerfile')
    else:
        COUNTS['skipped'] += 1
    tools = os.geteuid() == 0 and shutil.which('buildah') and shutil.which('debootstrap')
    can_build = tools and subprocess.run(['unshare', '--mount', 'true'], capture_output=True).returncode == 0
    for mode in ('wheel', 'image') if can_build else ('wheel',):
        count(run(sys.executable, '.ci/container.py', mode)[0] == 0, f'the service as {mode}')


def main():
    count(run('ruff', 'check', '.')[0] == 0, 'lint', 'make format')
    count(run('ruff', 'format', '--check', '.')[0] == 0, 'format', 'make format')
    check_sync()
    check_container()
    with tempfile.TemporaryDirectory(prefix='site') as tmp:
        check_pytest(check_site(Path(tmp)))
    check_notebooks()
    print(f'\n{COUNTS["passed"]} passed, {COUNTS["failed"]} failed, {COUNTS["skipped"]} skipped', flush=True)
    sys.exit(bool(COUNTS['failed'] or not COUNTS['passed']))


if __name__ == '__main__':
    main()
