from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nano_u.cli.lazy_group import Command
from nano_u.codegen import plan_streaming
from nano_u.deploy import write_tflite
from nano_u.errors import BudgetError, ConfigError, ModelError
from nano_u.graph import Architecture, Node, nano_u, write_architecture
from nano_u.quantization import QuantizedGraph, QuantizedOp, QuantizedTensor

ESTIMATE = Command("estimate", "", "nano_u.cli.estimate:estimate_command")
PUBLISHED = shlex.split("--input-shape 60 80 3 --filters 4 8 16 --bottleneck 16 --pool-sizes 2x2 2 3x2")
PADDED = {"image": (8, 8, 3), "pad": (10, 10, 3), "pool": (5, 5, 3)}
CHIP_NAMES = ["RP2040", "RP2350", "nRF52840", "STM32F4", "STM32H7", "ESP32-S3"]


def estimate(*arguments: str | Path) -> None:
    """Run the command in this process; its errors come out as they are."""
    ESTIMATE.load().main([str(argument) for argument in arguments], standalone_mode=False)


def report(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    """What `--json` prints."""
    estimate(*arguments, "--json")
    printed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return printed


def test_without_arguments_it_prices_the_default_net_on_every_chip(capsys: pytest.CaptureFixture[str]) -> None:
    estimate()

    printed = capsys.readouterr().out
    assert all(figure in printed for figure in ("17,112", "11,074,560", "196,608", "decoder2_block1_depthwise"))
    assert all(name in printed for name in CHIP_NAMES)


def test_the_published_net_is_described_as_a_shell_user_types_it(capsys: pytest.CaptureFixture[str]) -> None:
    priced = report(capsys, *PUBLISHED)

    assert (priced["parameters"], priced["macs"], priced["peak_activation_bytes"]) == (4212, 2399200, 76800)
    assert [chip["chip"]["name"] for chip in priced["chips"]] == CHIP_NAMES
    assert all(chip["fits"] for chip in priced["chips"])
    assert "layers" not in priced


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--model", "bu-net"], {"parameters": 363176, "macs": 88992768}),
        (["--upsample", "after-pointwise"], {"peak_activation_bytes": 98304}),
        (["--skips"], {"planned_activation_bytes": 344064}),
        (["--blocks-per-stage", "1", "--decoder-filters", "8", "4"], {"deployed_ops": 15}),
    ],
)
def test_every_option_reaches_the_network(
    arguments: list[str], expected: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    priced = report(capsys, *arguments)

    assert {key: priced[key] for key in expected} == expected


def test_layers_adds_one_row_per_operator(capsys: pytest.CaptureFixture[str]) -> None:
    rows = report(capsys, "--layers")["layers"]

    assert len(rows) == 25
    assert max(rows, key=lambda row: row["activation_bytes"])["layer"] == "decoder2_block1_depthwise"


def test_a_target_that_fits_is_the_only_chip_shown(capsys: pytest.CaptureFixture[str]) -> None:
    estimate(*PUBLISHED, "--target", "rp2040", "--layers")

    printed = capsys.readouterr().out
    assert "decoder3_block1_depthwise" in printed
    assert "RP2040" in printed
    assert "STM32H7" not in printed


def test_a_target_that_is_too_small_fails_with_the_layer_after_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BudgetError, match=r"does not fit STM32F4: decoder2_block1_depthwise .*196,608.*131,072"):
        estimate("--target", "stm32f4")

    assert "17,112" in capsys.readouterr().out


def test_a_run_directory_is_read_from_its_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_architecture(nano_u((16, 16, 3), [2], 2), tmp_path / "graph.json")

    priced = report(capsys, tmp_path)

    assert priced["peak_activation_bytes"] == 16 * 16 * 6  # the first depthwise reads and writes RGB


def test_the_arena_is_called_an_estimate_with_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    estimate()

    assert "The arena is an estimate: 196,608 bytes planned" in capsys.readouterr().out


TRANSPOSED = Architecture(
    "net",
    (
        Node("image", "input", shape=(8, 8, 3)),
        Node("up", "conv2d_transpose", ("image",), filters=2, window=(2, 2), strides=(2, 2)),
    ),
    ("up",),
)


def test_json_stays_json_for_a_network_that_the_c_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_architecture(TRANSPOSED, tmp_path / "graph.json")

    priced = report(capsys, tmp_path)

    assert priced["c_state_bytes"] is None
    assert priced["c_unavailable"] == "layer 'up': the C has no conv2d_transpose"
    assert report(capsys)["c_unavailable"] is None


def test_among_tables_it_is_a_warning_that_the_c_lacks_a_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    write_architecture(TRANSPOSED, tmp_path / "graph.json")

    estimate(tmp_path)

    printed = capsys.readouterr().out
    assert "RAM of our C" not in printed
    assert "the C has no" not in printed
    assert caplog.messages == ["no C: layer 'up': the C has no conv2d_transpose"]


def test_the_c_of_a_tflite_is_told_from_the_file_where_the_record_has_no_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors = [QuantizedTensor(name, shape, 1 / 255, -128) for name, shape in PADDED.items()]
    ops = (
        QuantizedOp("PAD", ("image",), "pad", margins=((1, 1), (2, 0))),
        QuantizedOp("MAX_POOL_2D", ("pad",), "pool", window=(2, 2), strides=(2, 2)),
    )
    graph = QuantizedGraph(tuple(tensors), ops, "pool")
    (tmp_path / "padded.tflite").write_bytes(write_tflite(graph))

    priced = report(capsys, tmp_path / "padded.tflite")

    assert priced["c_unavailable"] is None
    assert priced["c_state_bytes"] == plan_streaming(graph).memory.state_bytes


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        (["--target", "esp32"], ConfigError, "unknown target 'esp32'; known: RP2040"),
        (["--model", "unet"], ConfigError, "unknown network 'unet'; known: nano_u, bu_net"),
        (["--model", "bu_net", "--skips"], ConfigError, "--skips: bu_net has no such option"),
        (["--pool-sizes", "2x2", "2xx"], ConfigError, "'2xx' is not a size such as 2x2"),
        (["--pool-sizes", "0", "2"], ModelError, "pool_sizes"),
        (["runs/a", "--filters", "4"], ConfigError, "--filters: describes a network, but runs/a is one already"),
        (["runs/a", "--model", "nano_u"], ConfigError, "--model: describes a network"),
        (["missing.keras"], ModelError, "missing.keras: no such file"),
        (["--filters", "16", "0"], ModelError, "filters must be positive"),
        (["--input-shape", "48", "64"], ModelError, "height, width, channels"),
    ],
)
def test_a_wrong_argument_is_one_line_that_says_what_to_write(
    arguments: list[str], error: type[Exception], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(error, match=reason) as caught:
        estimate(*arguments)

    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


def test_it_answers_without_a_framework(tmp_path: Path) -> None:
    script = (
        "import sys; from nano_u.cli.main import main; code = main(['estimate', '--layers']);"
        "heavy = {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules);"
        "sys.exit(f'{code} {sorted(heavy)}' if code or heavy else 0)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)

    assert (done.returncode, done.stderr) == (0, "")
