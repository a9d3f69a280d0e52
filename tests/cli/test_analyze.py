from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nano_u.cli.main import main
from nano_u.redundancy import self_check

USER_CODE = """
import keras

@keras.saving.register_keras_serializable(package="orchard")
class Net(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.conv = keras.layers.Conv2D(3, 3, activation="relu", name="conv")
        self.head = keras.layers.Conv2D(1, 1, name="head")

    def call(self, x):
        return self.head(self.conv(x))
"""
SAVE = """
import sys
sys.path.insert(0, ".")
import numpy, own
net = own.Net(name="mine")
net(numpy.zeros((1, 16, 16, 3)))
net.save("own.keras")
"""


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shared run."""
    return shutil.copytree(tiny_run, tmp_path_factory.mktemp("analyze") / "run")


def data_of(run: Path) -> str:
    from nano_u.config import load_experiment

    data = load_experiment(run / "config.yaml").data
    assert data is not None
    return data


def test_the_table_in_network_order_and_the_place_of_the_files_are_printed(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["analyze", str(run)])

    out = capsys.readouterr().out
    record = json.loads((run / "analysis" / "redundancy.json").read_text())
    numbered = [line.split()[1] for line in out.splitlines() if line[:2].strip().isdigit()]
    assert code == 0
    assert numbered == list(record["layers"])
    assert "4 images of val at 16x16, inference mode" in out
    assert f"{record['aggregate']['redundancy_score']:.3f}" in next(
        line for line in out.splitlines() if " model " in line
    )
    assert out.rstrip().endswith(f"tables and picture: {run / 'analysis'}")


def test_options_reach_the_analysis_and_json_is_what_the_file_holds(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--layers", "/pointwise_relu/", "logits", "--max-samples", "3", "--exact", "--spatial", "mean"]
    options += ["--mode", "training", "--batch-size", "2", "--split", "test", "--output-dir", str(tmp_path / "out")]

    code = main(["analyze", str(run), *options, "--json"])

    printed = json.loads(capsys.readouterr().out)
    record = json.loads((tmp_path / "out" / "redundancy.json").read_text())
    assert code == 0
    assert printed == {key: record[key] for key in ("layers", "aggregate")}
    assert list(printed["layers"])[-1] == "logits"
    assert printed["layers"]["logits"]["reason"] == "one channel has no other to repeat"
    assert {fields["samples"] for fields in printed["layers"].values()} == {3}
    chosen = {key: record[key] for key in ("split", "images", "mode", "spatial", "batch_size", "max_samples")}
    assert list(chosen.values()) == ["test", 3, "training", "mean", 2, 3]
    assert record["max_channels"] is None


def test_a_users_own_classes_come_from_the_file_that_registers_them(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(USER_CODE)
    subprocess.run([sys.executable, "-c", SAVE], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    arguments = ["analyze", "own.keras", "--data", data_of(run), "--quiet"]

    unknown = main(arguments)
    message = capsys.readouterr().err
    known = main([*arguments, "--import", "own.py"])

    assert (unknown, known) == (1, 0)
    assert "own.keras: cannot be read as a Keras model" in message
    assert message.count("\n") == 1
    assert " conv " in capsys.readouterr().out
    assert (tmp_path / "analysis" / "own" / "redundancy.json").is_file()


def test_the_self_check_prints_law_by_law_and_needs_no_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "--self-check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    laws = [*self_check.score_laws(), *self_check.moment_laws()]
    assert lines == [f"{law.name}: ok" for law in laws]

    monkeypatch.setattr(self_check, "TOLERANCE", -1.0)
    assert main(["analyze", "--self-check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "dominance of a diagonal covariance: FAILED: got 0.5, expected 0.5"


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["--layers", "logit"], "layers: 'nano_u' has no layer 'logit'; did you mean 'logits'", 2),
        (["--split", "dev"], "no images in split 'dev'; this dataset has: train, val, test", 1),
        (["--data", "gone"], "gone: no such folder", 1),
        (["--batch-size", "0"], "batch_size: must be at least 1, got 0", 2),
        (["--mode", "eval"], "Invalid value for '--mode': ", 2),
        (["--import", "gone.py"], "--import gone.py: FileNotFoundError: ", 2),
        (["--import", "no_such_module"], "--import no_such_module: ModuleNotFoundError: No module named", 2),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, code: int
) -> None:
    assert main(["analyze", str(run), *arguments]) == code

    text = capsys.readouterr().err
    assert text.startswith(f"nano-u: error: {message}")
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "message", "code"),
    [
        ("torn.keras", b"PK\x03\x04torn", "torn.keras: cannot be read as a Keras model: ", 1),
        ("net.tflite", b"TFL3", "net.tflite: an int8 model shows no activations", 1),
        ("gone.keras", None, "gone.keras: no such model file", 1),
        ("gone", None, "gone: no such run directory", 1),
        (None, None, "analyze needs a MODEL", 2),
    ],
)
def test_what_is_no_model_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str | None,
    content: bytes | None,
    message: str,
    code: int,
) -> None:
    if name is not None and content is not None:
        (tmp_path / name).write_bytes(content)
    model = [] if name is None else [str(tmp_path / name)]

    assert main(["analyze", *model, "--data", "synthetic"]) == code

    text = capsys.readouterr().err
    assert message in text
    assert text.count("\n") == 1
