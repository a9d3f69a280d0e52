# ruff: noqa: E402  (thread settings must stand before NumPy and TensorFlow are imported)
from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# Before anything imports TensorFlow: one thread each, so that parallel workers share the machine and sums are stable.
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["MPLBACKEND"] = "Agg"

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
CAMVID = REPOSITORY.parent / "shared" / "data" / "camvid_road_160x120"

settings.register_profile("nano_u", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("nano_u")


@pytest.fixture(autouse=True)
def _undo_command_line() -> Iterator[None]:
    """Take back what a command line run inside a test set up for its whole process."""
    yield
    if "nano_u.cli.console" not in sys.modules:
        return
    from nano_u.cli import console, tensorflow_chatter

    logging.captureWarnings(False)
    logging.getLogger("nano_u").setLevel(logging.NOTSET)
    for handler in logging.getLogger().handlers[:]:
        if isinstance(handler, console.LineHandler):
            logging.getLogger().removeHandler(handler)
    tensorflow_chatter.hear_tensorflow_import()
    console._options = console.GlobalOptions()


@pytest.fixture
def camvid() -> Path:
    """The shared real images; tests that need them are skipped where they are absent."""
    if not CAMVID.is_dir():
        pytest.skip("../shared/data/camvid_road_160x120 is absent (its licence keeps it out of the project)")
    return CAMVID


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Path:
    """A dataset on disk: 12 train, 4 val and 4 test images of 16x16 whose bright half is the class."""
    return write_tiny_dataset(tmp_path / "tiny")


TINY_SETTINGS = (
    *("model.input_shape=[16,16,3]", "model.filters=[2]", "model.bottleneck=3", "model.blocks_per_stage=1"),
    *("epochs=2", "batch_size=4", "learning_rate=0.02", "seed=3", "augmentation.enabled=false"),
    *("training.optimizer=adam", "training.schedule=constant"),
)


@pytest.fixture(scope="session")
def tiny_settings() -> tuple[str, ...]:
    """`KEY=VALUE` texts of an experiment that trains in seconds, nearly all of them TensorFlow's tracing."""
    return TINY_SETTINGS


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of `TINY_SETTINGS`, trained by the command line once per session; for reading only."""
    from nano_u.cli.main import main

    root = tmp_path_factory.mktemp("tiny_run")
    data = write_tiny_dataset(root / "data")
    arguments = ("--data", str(data), "--run-dir", str(root / "run"), "--set", *TINY_SETTINGS)
    assert main(["train", "--quiet", *arguments]) == 0
    return root / "run"


@pytest.fixture
def make_tiny_dataset() -> Callable[..., Path]:
    """`write_tiny_dataset` for tests that need another size or count."""
    return write_tiny_dataset


def write_tiny_dataset(
    root: Path, *, train: int = 12, val: int = 4, test: int = 4, size: tuple[int, int] = (16, 16), seed: int = 0
) -> Path:
    """Write `{train,val,test}/{img,mask}/<group>_<number>.png`; every split has two groups of its own."""
    random = np.random.default_rng(seed)
    for split, count in {"train": train, "val": val, "test": test}.items():
        for folder in ("img", "mask"):
            (root / split / folder).mkdir(parents=True)
        for index in range(count):
            name = f"{split}{'AB'[2 * index // count]}_{index:03d}.png"
            image, mask = _bright_half(random, size)
            Image.fromarray(image).save(root / split / "img" / name)
            Image.fromarray(mask).save(root / split / "mask" / name)
    return root


def _bright_half(random: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """An image (height, width, 3) and its mask of 0 and 255: everything below a random slanted line is brighter."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width]
    line = height * random.uniform(0.3, 0.6) + random.uniform(-0.25, 0.25) * (columns - width / 2)
    mask = rows > line
    image = np.where(mask[..., None], 180, 70) + random.integers(-30, 31, size=(height, width, 3))
    return image.astype(np.uint8), (mask * 255).astype(np.uint8)
