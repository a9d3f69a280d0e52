from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reporting.made_run import (
    FACTS,
    NETWORK,
    make_broken_layer,
    make_layer,
    make_record,
    write_records,
    write_run,
)
from tests.reporting.monitored import layer as scored
from tests.reporting.monitored import logged, monitored

from nano_u.errors import ModelError, RunError
from nano_u.graph import bu_net, write_architecture
from nano_u.monitoring.record import StepRecord
from nano_u.monitoring.sinks import RunFacts
from nano_u.redundancy import HISTOGRAM_BINS, LayerRedundancy, aggregate
from nano_u.reporting.monitored_run import MonitoredRun, find_metrics_csv, read_monitored_run
from nano_u.runs import MonitorPaths

REQUIRED = ("redundancy_score", "correlation_mean", "correlation_std", "trace", "condition_number")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MonitorPaths:
    """A run of which every file is there; for reading only."""
    return write_run(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def copied(whole: MonitorPaths, tmp_path: Path) -> MonitorPaths:
    """The same run, to be damaged."""
    folder = tmp_path / "nas"
    shutil.copytree(whole.metrics.parent, folder)
    return MonitorPaths.beside(folder / whole.metrics.name)


def as_in_a_table(layer: LayerRedundancy, extra: tuple[str, ...] = ()) -> LayerRedundancy:
    """The record without what is no cell; a metric that the layer lacks has an empty one."""
    return dataclasses.replace(
        layer, histogram=None, correlation=None, extra={name: layer.extra.get(name) for name in extra}
    )


def assert_tells(run: MonitoredRun, records: list[StepRecord], extra: tuple[str, ...] = ()) -> None:
    """Whether the run's steps are these records, value by value."""
    assert [(step.epoch, step.step) for step in run.steps] == [(record.epoch, record.step) for record in records]
    for step, record in zip(run.steps, records, strict=True):
        model = record.model.scalars()
        read = (*REQUIRED, "num_layers")
        assert {name: getattr(step, name) for name in read} == {name: model[name] for name in read}
        assert step.layers == tuple(as_in_a_table(layer, extra) for layer in record.layers)


def test_what_the_monitor_wrote_comes_back_value_by_value(whole: MonitorPaths) -> None:
    run = read_monitored_run(whole.metrics)

    records = [make_record(1, 10), make_record(2, 20)]
    assert (run.name, run.metrics_path, run.absent) == ("nano_u", whole.metrics, ())
    assert_tells(run, records)
    assert run.architecture == NETWORK
    assert run.facts is not None
    assert (run.facts.model_name, run.facts.parameters, run.facts.macs) == (
        *(FACTS.model_name, FACTS.parameters, FACTS.macs),
    )
    assert run.facts.validation_iou == ((1, 0.1), (2, 0.2))


def test_histograms_and_matrices_come_back_value_by_value(whole: MonitorPaths) -> None:
    records = [make_record(1, 10), make_record(2, 20)]

    found = read_monitored_run(whole.metrics).correlations

    assert found is not None
    assert found.layers == ("conv", "a/b", "c,")
    np.testing.assert_array_equal(found.bin_edges, np.linspace(0, 1, HISTOGRAM_BINS + 1))
    for index, record in enumerate(records):
        for number, layer in enumerate(record.layers):
            assert found.recorded[index, number] == (layer.histogram is not None)
            assert tuple(found.histograms[index, number]) == (layer.histogram or (0,) * HISTOGRAM_BINS)
    assert list(found.matrices) == ["conv", "a/b"]
    for layer in records[-1].layers[:2]:
        np.testing.assert_array_equal(found.matrices[layer.layer], layer.correlation)


def test_every_number_a_float_can_be_comes_back(tmp_path: Path) -> None:
    extreme = make_layer(
        'ü, "x"', trace=5e-324, decov=1.7976931348623157e308, condition_number=1 + 2**-52, off_diagonal_norm=0.1 + 0.2
    )
    sampled = make_layer("b", sampled_channels=2, reason="a; b", removable=None, keep=(3,), removable_reason="so, 'so'")
    ones = [make_layer(name, channels=3, redundancy_score=1.0) for name in ("c", "d", "e", "f", "g", "h")]
    records = [make_record(1, 1, extreme, sampled, *ones), make_record(10**12, 10**15, make_broken_layer("x"))]

    paths = write_records(MonitorPaths.of("net", tmp_path), records)

    assert_tells(read_monitored_run(paths.metrics), records)


def test_the_callers_metrics_come_back(tmp_path: Path) -> None:
    layers = (make_layer("a", extra={"mine": -1.5, "other": None}), make_layer("b", extra={"mine": 1e-300}))
    record = StepRecord(1, 1, layers, aggregate(layers))

    paths = write_records(MonitorPaths.of("net", tmp_path), [record], extra_metrics=["mine", "other"])

    assert_tells(read_monitored_run(paths.metrics), [record], ("mine", "other"))


@pytest.mark.parametrize("csv_path", [None, "a.csv", "a-2.csv"])
def test_every_run_of_a_folder_has_its_own_files(tmp_path: Path, csv_path: str | None) -> None:
    names = MonitorPaths.of("net", tmp_path, None if csv_path is None else tmp_path / csv_path)
    records = {number: make_record(1, 10 * number) for number in (1, 2, 3)}

    written = {
        number: write_records(names, [record], facts=RunFacts("net", parameters=number))
        for number, record in records.items()
    }

    for number, paths in written.items():
        run = read_monitored_run(paths.metrics)
        assert_tells(run, [records[number]])
        assert run.facts is not None
        assert run.facts.parameters == number
        assert run.correlations is not None
    assert find_metrics_csv(tmp_path) == written[3].metrics


def test_scores_of_layers_that_come_and_go_have_gaps_and_stand_in_the_order_of_their_first_step() -> None:
    run = monitored(
        logged(1, 0.5, scored("b", 0.1)), logged(2, 0.5, scored("a", 0.2), scored("b", None)), logged(3), logged(4)
    )

    assert list(run.layer_scores().items()) == [("b", (0.1, None, None, None)), ("a", (None, 0.2, None, None))]
    assert monitored(logged(1)).layer_scores() == {}


ABSENT = {
    "layers": "nano_u_nas_layers.csv is not there: nothing is known of single layers.",
    "correlations": "nano_u_nas_correlations.npz is not there: no histograms and no correlation matrices.",
    "run": "nano_u_nas_run.json is not there: the model's parameters, seed and validation IoU are unknown.",
    "graph": "graph.json is not there: the architecture is unknown.",
}


@pytest.mark.parametrize("name", ABSENT)
def test_a_companion_that_is_not_there_is_told_and_the_rest_is_as_before(copied: MonitorPaths, name: str) -> None:
    before = read_monitored_run(copied.metrics)
    getattr(copied, name).unlink()

    run = read_monitored_run(copied.metrics)

    assert run.absent == (ABSENT[name],)
    assert [step.layers == () for step in run.steps] == [name == "layers"] * 2
    assert (run.correlations is None) == (name == "correlations")
    assert run.facts == (None if name == "run" else before.facts)
    assert run.architecture == (None if name == "graph" else NETWORK)
    assert [step.redundancy_score for step in run.steps] == [step.redundancy_score for step in before.steps]


@pytest.mark.parametrize(
    ("metrics", "name"),
    [
        ("net_nas_metrics.csv", "net"),
        ("net_nas_metrics-3.csv", "net"),
        ("net-3_nas_metrics.csv", "net-3"),
        ("tries.csv", "tries"),
    ],
)
def test_a_metrics_file_alone_is_enough_and_names_the_run(
    whole: MonitorPaths, tmp_path: Path, metrics: str, name: str
) -> None:
    shutil.copy(whole.metrics, tmp_path / metrics)

    run = read_monitored_run(tmp_path / metrics)

    assert run.name == name
    assert len(run.absent) == 4


def test_the_record_of_another_network_is_not_taken_for_the_runs_own(copied: MonitorPaths) -> None:
    other = bu_net(input_shape=(32, 32, 3))
    write_architecture(other, copied.graph)

    run = read_monitored_run(copied.metrics)

    assert run.architecture is None
    assert run.absent == ("graph.json is the record of another network: the architecture is unknown.",)

    write_architecture(NETWORK, copied.own_graph)
    assert read_monitored_run(copied.metrics).architecture == NETWORK


@pytest.mark.parametrize(("name", "is_taken"), [("nano_u", True), ("subclassed", False)])
def test_without_a_known_cost_the_name_tells_the_network(tmp_path: Path, name: str, is_taken: bool) -> None:
    paths = write_records(MonitorPaths.of(name, tmp_path), [make_record(1, 10)], facts=RunFacts(name))
    write_architecture(NETWORK, paths.graph)

    assert (read_monitored_run(paths.metrics).architecture is not None) is is_taken


@pytest.mark.parametrize("name", ["layers", "correlations", "run", "graph"])
def test_a_damaged_companion_is_an_error_with_its_name(copied: MonitorPaths, name: str) -> None:
    path = getattr(copied, name)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises((RunError, ModelError), match=path.name):
        read_monitored_run(copied.metrics)


@pytest.mark.parametrize("name", ["none.csv", "x" * 300 + ".csv", ""])
def test_a_metrics_path_that_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match=r"^\S+: (no such file|not a file|cannot be read)"):
        read_monitored_run(tmp_path / name)


FILES = ("metrics", "layers", "correlations", "run", "graph")


@settings(max_examples=200)
@given(data=st.data(), name=st.sampled_from(FILES), where=st.floats(0, 1, exclude_max=True), is_cut=st.booleans())
def test_one_damaged_byte_or_a_cut_is_read_as_valid_values_or_refused_in_one_line(
    whole: MonitorPaths,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    name: str,
    where: float,
    is_cut: bool,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    shutil.copytree(whole.metrics.parent, folder, dirs_exist_ok=True)
    paths = MonitorPaths.beside(folder / whole.metrics.name)
    path = getattr(paths, name)
    content = path.read_bytes()
    position = int(where * len(content))
    byte = bytes([data.draw(st.integers(0, 255))])
    path.write_bytes(content[:position] if is_cut else content[:position] + byte + content[position + 1 :])

    found = run_or_refusal(paths.metrics)
    if isinstance(found, MonitoredRun):
        assert_is_valid(found)
    else:
        assert len(found.splitlines()) == 1
        assert path.name in found or name == "metrics"  # whose steps are also looked for in the layers


def run_or_refusal(metrics: Path) -> MonitoredRun | str:
    """The run, or the text of the error that refuses it."""
    try:
        return read_monitored_run(metrics)
    except (RunError, ModelError) as error:
        return str(error)


def assert_is_valid(run: MonitoredRun) -> None:
    """Shares are shares, counts are counts, and keys ascend."""
    keys = [(step.epoch, step.step) for step in run.steps]
    assert keys == sorted(set(keys))
    for step in run.steps:
        for record in (step, *step.layers):
            for value in (record.redundancy_score, record.correlation_mean, record.correlation_std):
                assert value is None or 0 <= value <= 1 + 1e-9
            assert record.trace is None or 0 <= record.trace < np.inf
        assert all(layer.num_channels >= 0 for layer in step.layers)


def test_many_steps_of_many_layers_are_read_whole(tmp_path: Path) -> None:
    layers = tuple(make_layer(f"layer_{number}") for number in range(40))
    model = aggregate(layers)
    records = [StepRecord(epoch, 10 * epoch, layers, model) for epoch in range(1, 201)]
    paths = write_records(MonitorPaths.of("net", tmp_path), records)

    run = read_monitored_run(paths.metrics)

    assert [step.epoch for step in run.steps] == list(range(1, 201))
    assert all([layer.layer for layer in step.layers] == [layer.layer for layer in layers] for step in run.steps)


def test_reading_never_imports_tensorflow(whole: MonitorPaths) -> None:
    code = (
        "import sys; from pathlib import Path; from nano_u.reporting.monitored_run import read_monitored_run;"
        "read_monitored_run(Path(sys.argv[1])); print({'tensorflow', 'keras'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(whole.metrics)], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
