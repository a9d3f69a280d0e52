from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from tests.reporting.made_run import write_run

from nano_u import NASMonitorCallback
from nano_u.config import ThresholdsConfig
from nano_u.errors import ConfigError, RunError
from nano_u.reporting.comparison_figure import draw_comparison
from nano_u.reporting.monitored_run import find_metrics_csv, read_monitored_run
from nano_u.reporting.recommendations import Recommendations, recommend
from nano_u.workflows.plotting import PlotRequest, plot_runs, thresholds_of

SINGLE = ("redundancy", "correlation", "dashboard", "heatmap")


def trained(folder: Path, *, copies: int) -> Recommendations:
    """Advice on a real network of which `copies` of 16 channels each repeat a different other one."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="features"),
            keras.layers.Conv2D(1, 1, name="logits"),
        ],
        name="mine",
    )
    kernel, bias = model.get_layer("features").get_weights()
    if copies:
        kernel[..., -copies:] = kernel[..., :copies]
    model.get_layer("features").set_weights([kernel, bias])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x = np.random.default_rng(0).normal(size=(64, 16, 16, 3)).astype(np.float32)
    monitor = NASMonitorCallback(log_dir=folder, tensorboard=False)
    model.fit(x, x[..., :1], batch_size=32, epochs=2, verbose=0, callbacks=[monitor])
    return recommend(read_monitored_run(find_metrics_csv(folder)), ThresholdsConfig())


def test_a_trained_network_with_planted_copies_gets_that_layer_those_channels_and_the_price(tmp_path: Path) -> None:
    found = trained(tmp_path, copies=4)

    (advice,) = found.advice
    assert [str(change) for change in advice.changes] == ["features: 16 -> 12"]
    assert sorted(channel % 12 for channel in advice.channels) == [0, 1, 2, 3]
    assert advice.price is not None
    assert (advice.price.parameters, advice.price.macs) == (-(4 * 28 + 4), -256 * (4 * 27 + 4))


def test_a_trained_network_without_copies_gets_no_advice(tmp_path: Path) -> None:
    assert trained(tmp_path, copies=0).advice == ()


def test_every_picture_and_the_advice_are_written_and_named(tmp_path: Path) -> None:
    metrics = write_run(tmp_path / "nas").metrics

    results = plot_runs(PlotRequest((metrics,), SINGLE, output_dir=tmp_path / "plots", recommendations=True))

    names = [path.name for path in results.files]
    assert names == [
        *(f"nano_u_{kind}.png" for kind in SINGLE),
        "nano_u_recommendations.txt",
        "nano_u_recommendations.json",
    ]
    assert all(path.stat().st_size > 0 for path in results.files)
    text = (tmp_path / "plots" / "nano_u_recommendations.txt").read_text()
    assert text.startswith("NAS ANALYSIS RECOMMENDATIONS FOR NANO_U\n")
    assert "Evidence per layer" in text
    assert json.loads((tmp_path / "plots" / "nano_u_recommendations.json").read_text())["model"] == "nano_u"


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_suffix_chooses_the_format(tmp_path: Path, suffix: str, start: bytes) -> None:
    metrics = write_run(tmp_path / "nas").metrics

    (path,) = plot_runs(PlotRequest((metrics,), ("redundancy",), output=tmp_path / f"a{suffix}")).files

    assert path.read_bytes().startswith(start)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    metrics = write_run(tmp_path / "nas").metrics

    with pytest.raises(ConfigError, match=r"a\.bmp: cannot draw a \.bmp; use \.png, \.svg, \.pdf"):
        plot_runs(PlotRequest((metrics,), ("redundancy",), output=tmp_path / "a.bmp"))


def test_one_output_for_several_pictures_is_refused(tmp_path: Path) -> None:
    metrics = write_run(tmp_path / "nas").metrics

    with pytest.raises(ConfigError, match="--output names one picture, but 4 would be drawn; use --output-dir"):
        plot_runs(PlotRequest((metrics,), SINGLE, output=tmp_path / "a.png"))


def test_a_damaged_run_is_reported_after_the_others_are_drawn(tmp_path: Path) -> None:
    whole, damaged = write_run(tmp_path / "whole").metrics, write_run(tmp_path / "damaged").metrics
    damaged.write_text(damaged.read_text()[:-20])

    results = plot_runs(PlotRequest((damaged, whole), ("redundancy",), output_dir=tmp_path))

    assert [path.name for path in results.files] == ["nano_u_redundancy.png"]
    assert list(results.failures) == [damaged]
    with pytest.raises(RunError, match=r"line 3: "):
        results.raise_failures()


def test_a_damaged_run_alone_is_the_error(tmp_path: Path) -> None:
    metrics = write_run(tmp_path / "nas").metrics
    metrics.write_text("epoch,step\n1,2\n")

    with pytest.raises(RunError, match="redundancy_score"):
        plot_runs(PlotRequest((metrics,), ("redundancy",), output_dir=tmp_path))


def test_runs_of_one_model_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    sources = tuple(write_run(tmp_path / name / "nas").metrics for name in ("one", "two"))

    results = plot_runs(PlotRequest(sources, ("dashboard",), compared=sources, output_dir=tmp_path / "plots"))

    assert [path.name for path in results.files] == [
        "one-nano_u_dashboard.png",
        "two-nano_u_dashboard.png",
        "comparison.png",
    ]


def test_a_comparison_of_one_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a comparison needs two or more runs"):
        plot_runs(PlotRequest((), (), compared=(write_run(tmp_path / "nas").metrics,), output_dir=tmp_path))


def test_thresholds_are_those_of_the_run_unless_others_are_named(tmp_path: Path) -> None:
    metrics = write_run(tmp_path / "run" / "nas").metrics
    (tmp_path / "run" / "provenance.json").write_text("{}")
    assert thresholds_of(metrics) == ThresholdsConfig()
    (tmp_path / "run" / "config.yaml").write_text("nas: {thresholds: {high_redundancy: 0.8}}\n")
    (tmp_path / "other.yaml").write_text("nas: {thresholds: {high_redundancy: 0.9}}\n")

    assert thresholds_of(metrics).high_redundancy == 0.8
    assert thresholds_of(metrics, tmp_path / "other.yaml").high_redundancy == 0.9
    assert thresholds_of(metrics, overrides=["nas.thresholds.high_redundancy=0.6"]).high_redundancy == 0.6


@pytest.mark.parametrize("record", ["provenance.json", "graph.json"])
def test_a_record_beside_it_makes_a_configuration_the_runs(tmp_path: Path, record: str) -> None:
    metrics = write_run(tmp_path / "nas").metrics
    (tmp_path / "config.yaml").write_text("nas: {thresholds: {high_redundancy: 0.8}}\n")
    assert thresholds_of(metrics) == ThresholdsConfig()

    (tmp_path / record).write_text("{}")

    assert thresholds_of(metrics).high_redundancy == 0.8


def test_a_configuration_above_a_folder_of_logs_is_the_users_own(tmp_path: Path) -> None:
    metrics = write_run(tmp_path / "nas_logs").metrics
    (tmp_path / "config.yaml").write_text("database: mine\n")
    (tmp_path / "graph.json").write_text("{}")

    assert thresholds_of(metrics) == ThresholdsConfig()


def in_run(path: Path, config: str) -> Path:
    """The metrics of a run directory with this configuration."""
    metrics = write_run(path / "nas").metrics
    (path / "graph.json").write_text("{}")
    (path / "config.yaml").write_text(config)
    return metrics


def test_a_run_whose_thresholds_are_damaged_is_reported_after_the_others_are_drawn(tmp_path: Path) -> None:
    bad, good = in_run(tmp_path / "bad", "epohcs: 1\n"), in_run(tmp_path / "good", "epochs: 1\n")

    results = plot_runs(PlotRequest((bad, good), ("dashboard",), compared=(bad, good), output_dir=tmp_path / "p"))

    assert [path.name for path in results.files] == ["good-nano_u_dashboard.png", "comparison.png"]
    assert list(results.failures) == [bad]
    assert "epohcs" in str(results.failures[bad])
    with pytest.raises(ConfigError, match="epohcs"):
        plot_runs(PlotRequest((bad,), ("dashboard",), output_dir=tmp_path / "p"))


def test_a_picture_that_fails_keeps_those_before_it_and_the_other_runs(tmp_path: Path) -> None:
    lacking, whole = write_run(tmp_path / "lacking"), write_run(tmp_path / "whole")
    lacking.layers.unlink()
    kinds = ("redundancy", "heatmap")

    results = plot_runs(PlotRequest((lacking.metrics, whole.metrics), kinds, output_dir=tmp_path / "p"))

    assert [path.name for path in results.files] == [
        "lacking-nano_u_redundancy.png",
        "whole-nano_u_redundancy.png",
        "whole-nano_u_heatmap.png",
    ]
    assert "a heatmap needs the file of layers" in str(results.failures[lacking.metrics])


def test_what_the_only_run_had_drawn_before_it_failed_is_told(tmp_path: Path) -> None:
    lacking = write_run(tmp_path / "lacking")
    lacking.layers.unlink()

    results = plot_runs(PlotRequest((lacking.metrics,), ("redundancy", "heatmap"), output_dir=tmp_path))

    assert results.files == (tmp_path / "nano_u_redundancy.png",)
    with pytest.raises(ConfigError, match="a heatmap needs the file of layers"):
        results.raise_failures()
    with pytest.raises(ConfigError, match="a heatmap needs the file of layers"):
        plot_runs(PlotRequest((lacking.metrics,), ("heatmap",), output_dir=tmp_path))


def test_a_heatmap_without_layers_is_skipped_where_that_is_allowed(tmp_path: Path) -> None:
    paths = write_run(tmp_path / "nas")
    paths.layers.unlink()

    results = plot_runs(PlotRequest((paths.metrics,), SINGLE, allow_missing=True, output_dir=tmp_path / "p"))

    assert [path.name for path in results.files] == [f"nano_u_{kind}.png" for kind in SINGLE if kind != "heatmap"]
    assert results.skipped == (f"no heatmap of nano_u: no single layers are recorded beside {paths.metrics}",)
    assert results.failures == {}


def test_only_those_compared_share_a_picture_and_only_the_others_have_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, *others = (write_run(tmp_path / name).metrics for name in "abc")
    shown: list[list[str]] = []
    monkeypatch.setattr(
        "nano_u.workflows.plotting.draw_comparison",
        lambda data: shown.append([run.label for run in data]) or draw_comparison(data),
    )

    results = plot_runs(PlotRequest((one,), ("dashboard",), compared=tuple(others), output_dir=tmp_path / "p"))

    assert [path.name for path in results.files] == ["nano_u_dashboard.png", "comparison.png"]
    assert shown == [["b (nano_u)", "c (nano_u)"]]


def test_wrong_thresholds_of_the_request_are_one_error_however_many_runs(tmp_path: Path) -> None:
    sources = tuple(write_run(tmp_path / name).metrics for name in "ab")

    for wrong in ({"overrides": ("nas.thresholds.high=1",)}, {"config": tmp_path / "none.yaml"}):
        with pytest.raises(ConfigError):
            plot_runs(PlotRequest(sources, ("dashboard",), output_dir=tmp_path / "p", **wrong))  # type: ignore[arg-type]

    assert not (tmp_path / "p").exists()


def test_an_unknown_layer_is_named_with_the_close_ones(tmp_path: Path) -> None:
    metrics = write_run(tmp_path / "nas").metrics

    with pytest.raises(ConfigError, match="no correlation matrix of layer 'conf'; did you mean 'conv'"):
        plot_runs(PlotRequest((metrics,), ("heatmap",), output_dir=tmp_path, layer="conf"))


def test_plotting_never_loads_tensorflow(tmp_path: Path) -> None:
    metrics = write_run(tmp_path / "nas").metrics
    script = (
        "import sys; from nano_u.cli.main import main\n"
        f"code = main(['plot', '--csv', {str(metrics)!r}, '--all', '--recommendations', "
        f"'--output-dir', {str(tmp_path)!r}])\n"
        "sys.exit(code or ('tensorflow' in sys.modules) or ('keras' in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0
