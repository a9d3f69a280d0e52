from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from nano_u.config import load_experiment
from nano_u.data import load_data
from nano_u.errors import ConfigError, DataError, ModelError
from nano_u.models import load_model
from nano_u.monitoring.offline import analyze_layers, redundancy_dict
from nano_u.workflows.analyze import AnalysisRun, analyze_model, input_shape_of
from nano_u.workflows.source import ModelSource, find_model

FILES = {"graph.json", "redundancy.csv", "redundancy.json", "redundancy.png", "table.txt"}


@pytest.fixture(scope="module")
def analyzed(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> AnalysisRun:
    """The shared run's copy after an analysis with no options."""
    return analyze_model(shutil.copytree(tiny_run, tmp_path_factory.mktemp("analyzed") / "run"))


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    """A small model of a user, in no run; its input size is open."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(3, 3, activation="relu", name="conv")(inputs)
    keras.Model(inputs, layers.Conv2D(1, 1, name="head")(x), name="mine").save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


def the_data_of(run: Path) -> Path:
    data = load_experiment(run / "config.yaml").data
    assert data is not None
    return Path(data)


def test_an_analysis_is_that_of_the_validation_images(analyzed: AnalysisRun) -> None:
    run = analyzed.folder.parent
    config = load_experiment(run / "config.yaml")
    val = load_data(str(config.data), config)["val"]

    expected = analyze_layers(load_model(run / "best.keras"), val.images.astype(np.float32) / np.float32(255))

    assert (analyzed.split, analyzed.images, analyzed.size, analyzed.mode) == ("val", 4, (16, 16), "inference")
    assert [layer.layer for layer in analyzed.layers] == [layer.layer for layer in expected]
    for found, layer in zip(analyzed.layers, expected, strict=True):
        assert found.redundancy_score == pytest.approx(layer.redundancy_score, abs=1e-6)
        assert found.trace == pytest.approx(layer.trace, rel=1e-5)


def test_the_files_hold_the_same_numbers_and_where_they_come_from(analyzed: AnalysisRun) -> None:
    folder = analyzed.folder

    record = json.loads((folder / "redundancy.json").read_text())
    rows = list(csv.DictReader((folder / "redundancy.csv").read_text().splitlines()))

    assert {path.name for path in folder.iterdir()} == FILES
    expected = json.loads(json.dumps(redundancy_dict(analyzed.layers)))
    assert {key: record[key] for key in ("layers", "aggregate")} == expected
    assert [float(row["trace"]) for row in rows] == [layer.trace for layer in analyzed.layers]
    assert [row["layer"] for row in rows] == list(record["layers"])
    assert {key: record[key] for key in ("split", "images", "mode", "spatial", "max_samples")} == {
        "split": "val",
        "images": 4,
        "mode": "inference",
        "spatial": "pixels",
        "max_samples": None,
    }
    assert record["model"].endswith("best.keras")
    assert record["data"] == json.loads((folder.parent / "provenance.json").read_text())["dataset"]
    assert record["provenance"]["versions"]["keras"] == keras.__version__
    assert (folder / "table.txt").read_text() == analyzed.table().to_text()
    assert analyzed.table().title == "Redundancy of nano_u: 4 images of val at 16x16, inference mode"
    assert (folder / "graph.json").read_bytes() == (folder.parent / "graph.json").read_bytes()


def test_other_questions_do_not_replace_the_ordinary_answer(
    analyzed: AnalysisRun, tmp_path: Path, make_tiny_dataset: Callable[..., Path]
) -> None:
    run = shutil.copytree(analyzed.folder.parent, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (run / "analysis").iterdir()}
    shutil.copy(run / "best.keras", run / "last.keras")
    other = make_tiny_dataset(tmp_path / "orchard", train=2, val=2, test=2, seed=5)

    training = analyze_model(run, mode="training", layers=["linear_inputs"])
    last = analyze_model(run / "last.keras", data=str(other), split="all", layers=["linear_inputs"])

    assert training.folder == run / "analysis" / "training"
    assert last.folder == run / "analysis" / "last-orchard-all"
    assert (last.images, last.split) == (6, "all")
    assert "6 images of all splits" in last.title
    assert {path.name: path.read_bytes() for path in (run / "analysis").iterdir() if path.is_file()} == before


def test_a_model_of_no_run_takes_all_images_where_there_is_no_validation_split(
    untrained: Path, tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(the_data_of(tiny_run) / "test", tmp_path / "data" / "test")
    monkeypatch.chdir(tmp_path)

    found = analyze_model(untrained, data=str(tmp_path / "data"), overrides=["model.input_shape=[12,16,3]"])

    assert (found.split, found.images, found.size) == ("all", 4, (12, 16))
    assert found.folder == Path("analysis") / "mine"


def test_what_is_wrong_is_told_before_images_are_read(untrained: Path, tiny_run: Path) -> None:
    def loading(done: int, total: int) -> None:
        raise AssertionError("images were read")

    data = str(the_data_of(tiny_run))
    with pytest.raises(ConfigError, match=r"'mine' has no layer 'convv'; did you mean 'conv'"):
        analyze_model(untrained, data=data, layers=["convv"], loading=loading)
    with pytest.raises(ConfigError, match="batch_size: must be at least 1, got 0"):
        analyze_model(untrained, data=data, batch_size=0, loading=loading)
    with pytest.raises(ConfigError, match="--data must name its images"):
        analyze_model(untrained, loading=loading)


def test_an_int8_model_and_other_inputs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(b"TFL3")
    inputs = keras.Input((8, 8, 1))
    keras.Model(inputs, layers.Conv2D(2, 1, activation="relu")(inputs)).save(tmp_path / "gray.keras")

    with pytest.raises(ModelError, match=r"net\.tflite: an int8 model shows no activations; give the run directory"):
        analyze_model(tmp_path / "net.tflite", data="synthetic")
    with pytest.raises(ModelError, match=r"gray\.keras: takes input \(None, 8, 8, 1\), not images"):
        analyze_model(tmp_path / "gray.keras", data="synthetic")


def test_a_split_that_is_not_there_lists_those_that_are(analyzed: AnalysisRun) -> None:
    with pytest.raises(DataError, match="no images in split 'dev'; this dataset has: train, val, test"):
        analyze_model(analyzed.folder.parent, split="dev")


@keras.saving.register_keras_serializable(package="test_analyze")
class Subclassed(keras.Model):
    """A convolution and a head, as code."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.conv = layers.Conv2D(3, 3, activation="relu", name="conv")
        self.head = layers.Conv2D(1, 1, name="head")

    def call(self, x: object) -> object:
        return self.head(self.conv(x))


def test_a_subclassed_model_knows_the_size_it_was_built_with(
    tmp_path: Path, tiny_run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = Subclassed(name="code")
    model(np.zeros((1, 10, 12, 3), np.float32))
    model.save(tmp_path / "code.keras")

    found = analyze_model(
        tmp_path / "code.keras", data=str(the_data_of(tiny_run)), output_dir=tmp_path / "out", max_samples=3
    )

    assert (found.size, found.images, [layer.layer for layer in found.layers]) == ((10, 12), 3, ["conv"])
    described = (tmp_path / "out" / "graph.json").is_file()
    assert described is ("no graph.json: " not in caplog.text)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= FILES - {"graph.json"}


def test_a_model_that_tells_no_size_takes_the_configurations(tiny_run: Path) -> None:
    source: ModelSource = find_model(tiny_run)

    assert input_shape_of(Subclassed(), source) == (16, 16, 3)
