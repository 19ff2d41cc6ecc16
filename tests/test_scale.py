"The cluster's commands as a user types them: killed and resumed, and wrong."

import io
import json
import os
import signal
import subprocess
import time

import pytest
from conftest import COMMAND
from PIL import Image

from mnist_nb.data import load_mnist

pytestmark = pytest.mark.slow
ray = pytest.importorskip('ray', reason='needs the extra: pip install "mnist-nb[scale]"')
pq = pytest.importorskip('pyarrow.parquet')


def run(*words, **settings):
    "Run a command."
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        **settings,
    )


@pytest.fixture(scope='module')
def cluster():
    "Two nodes on this machine, to which the commands connect."
    from ray.cluster_utils import Cluster

    own = dict(num_cpus=1, object_store_memory=100 * 2**20)
    nodes = Cluster(initialize_head=True, head_node_args=dict(include_dashboard=False, **own))
    nodes.add_node(**own)
    yield nodes
    nodes.shutdown()


@pytest.mark.parametrize(
    ('words', 'says'),
    [
        (['train', '--workers', '3', '--recipe', 'cnn', '--dataset', 'mnist-sample'], 'no equal parts'),
        (['train', '--workers', '2', '--resume', '--dataset', 'mnist-sample'], 'belong to a run in one process'),
        (['train', '--workers', '2', '--task', 'ink'], '--workers belongs to --task digits'),
        (['train', '--processors', '2'], 'belong to a cluster'),
        (['train', '--address', '127.0.0.1:1', '--dataset', 'mnist-sample'], 'no cluster answers'),
        (['scale', 'tune', 'rate=1,2'], 'no setting of a run'),
        (['scale', 'tune', 'batch_size=64..32'], 'lower end'),
        (['scale', 'predict', 'nothing', 'out'], 'no such file'),
    ],
)
def test_a_mistake_is_one_line(words, says, cluster, tmp_path):
    alone = {'--address', 'tune', '--processors', '--task'} & {*words}
    words = words if alone else [*words, '--address', cluster.address]
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2 and says in done.stderr.splitlines()[-1], done.stderr
    assert 'Traceback' not in done.stderr


def test_a_killed_prediction_is_gone_on_with(cluster, tmp_path):
    images = load_mnist('train', dataset='mnist-sample').images[:60, 0].numpy()
    (tmp_path / 'in').mkdir()
    for i in range(600):
        out = io.BytesIO()
        Image.fromarray(images[i % 60]).save(out, 'PNG')
        (tmp_path / 'in' / f'{i:04}.png').write_bytes(b'broken' if i % 50 == 7 else out.getvalue())
    words = ['scale', 'predict', tmp_path / 'in', tmp_path / 'out', '--size', 5, '--address', cluster.address, '--json']
    process = subprocess.Popen([*COMMAND, *map(str, words)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while len(list((tmp_path / 'out').glob('part-*'))) < 10:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path: path.read_bytes() for path in (tmp_path / 'out').glob('part-*')}
    done = run(*words)
    assert done.returncode == 0, done.stderr
    rows = pq.ParquetDataset(tmp_path / 'out').read().to_pandas()
    assert sorted(rows['path']) == sorted(str(p) for p in (tmp_path / 'in').iterdir())
    assert rows['digit'].isna().sum() == 12 == rows['reason'].str.contains('not a picture').sum()
    assert len(before) < 120 and all(path.read_bytes() == data for path, data in before.items())
    assert 0 < json.loads(done.stdout)['pictures'] <= 600 - 5 * len(before) + 10


def test_a_run_on_a_cluster_leaves_what_train_leaves(cluster, tmp_path):
    words = ['--recipe', 'fast', '--epochs', '2', '--dataset', 'mnist-sample', '--workers', '2', '--json']
    done = run('train', *words, '--address', cluster.address, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)['valid_accuracy'] > 0.8
    told = run('eval', '--model', 'models/best_model.safetensors', '--dataset', 'mnist-sample', cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    left = [p.name for p in (tmp_path / 'models').iterdir() if p.is_file()]
    assert {'best_model.safetensors', 'config.json', 'history.jsonl', 'history.png'} <= set(left)
