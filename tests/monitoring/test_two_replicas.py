from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

SCRIPT = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.monitoring.tiny import IMAGES, compiled, data, fingerprint, fit, left_behind, monitor, network

prints = []
for callbacks in ([], [monitor(sys.argv[1], max_samples=IMAGES)], [monitor(sys.argv[1], log_freq="batch")]):
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = compiled(network())
    fit(model, callbacks, **({"validation_data": data(16)} if sys.argv[2] == "validates" else {}), epochs=4)
    assert not left_behind(model)
    prints.append(fingerprint(model))
    for callback in callbacks:
        images = {layer.images for record in callback.records for layer in record.layers}
        print(sorted(images), len(callback.records))
assert len(set(prints)) == 1
"""


@pytest.mark.slow
@pytest.mark.parametrize(("validation", "images"), [("validates", "[16] 4"), ("alone", "[24] 4")])
def test_replicas_are_merged_and_train_the_same_weights(tmp_path: Path, validation: str, images: str) -> None:
    """In a process of its own: two virtual devices must be set up before TensorFlow starts."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), validation]

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [images, "[8] 1"]
