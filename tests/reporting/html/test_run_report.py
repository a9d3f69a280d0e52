from __future__ import annotations

import csv
import dataclasses
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.reporting.html.parsed_page import Element, ParsedPage
from tests.reporting.html.small_certificate import LONG_COMPILER, small_certificate, with_other_bytes
from tests.reporting.html.small_run import EPOCHS, refine_small_run, small_network, write_monitor

from nano_u.errors import RunError
from nano_u.evaluation import Evaluation, load_gallery
from nano_u.graph import layer_costs, nano_u, summarise
from nano_u.reporting.certificate import Certificate
from nano_u.reporting.html.page import render_page
from nano_u.reporting.html.run_files import read_run_files
from nano_u.reporting.html.run_report import MOST_GALLERIES, MOST_MATRICES, MOST_STEPS, RunReport, run_report


def report_of(run: Path) -> RunReport:
    return run_report(read_run_files(run))


def page_of(report: RunReport) -> ParsedPage:
    return ParsedPage(render_page("run.html.j2", report, sections=(("accuracy", "Accuracy"),), data=report.data))


@pytest.fixture(scope="module")
def report(complete_run: Path) -> RunReport:
    return report_of(complete_run)


@pytest.fixture(scope="module")
def page(report: RunReport) -> ParsedPage:
    return page_of(report)


def record(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def figures(page: ParsedPage) -> list[Element]:
    return [element for element in page.elements if element.tag == "svg"]


def test_the_accuracy_table_holds_the_files_numbers_group_by_group(complete_run: Path, page: ParsedPage) -> None:
    saved = record(complete_run / "evaluation/test/metrics.json")

    table = page.table("Accuracy on test")

    assert table.column("group") == [group["name"] for group in saved["groups"]]
    for shown, group in zip([*table.body, *table.foot], [*saved["groups"], saved["pooled"]], strict=True):
        interval, floor = group["iou_interval"], group["floor"]["iou"]
        assert dict(zip(table.head, shown, strict=True)) == {
            "group": group["name"],
            "images": str(group["images"]),
            "IoU": f"{group['metrics']['iou']:.3f}",
            "95% interval": f"{interval['low']:.3f}-{interval['high']:.3f}",
            "floor IoU": f"{floor:.3f}",
            "margin": f"{group['margin']:+.3f}",
            "mean IoU": f"{group['metrics']['mean_iou']:.3f}",
            "F1": f"{group['metrics']['f1']:.3f}",
            "precision": f"{group['metrics']['precision']:.3f}",
            "recall": f"{group['metrics']['recall']:.3f}",
            "accuracy": f"{group['metrics']['accuracy']:.3f}",
        }


def test_the_layer_table_holds_the_monitors_last_rows(complete_run: Path, page: ParsedPage) -> None:
    last = [row for row in rows(complete_run / "nas/nano_u_nas_layers.csv") if row["epoch"] == str(EPOCHS)]
    model = rows(complete_run / "nas/nano_u_nas_metrics.csv")[-1]

    table = page.table(f"Layers at epoch {EPOCHS}, step {10 * EPOCHS}")

    assert table.column("layer") == [row["layer"] for row in last]
    assert table.column("channels") == [row["num_channels"] for row in last]
    assert table.column("score") == [f"{float(row['redundancy_score']):.3f}" for row in last]
    assert table.column("dead") == [row["dead_channels"] for row in last]
    (foot,) = table.foot
    assert foot[table.head.index("score")] == f"{float(model['redundancy_score']):.3f}"


def test_the_tables_whose_order_a_reader_may_change_are_sortable(page: ParsedPage) -> None:
    sortable = [table.caption for table, element in zip(page.tables(), page.all("table"), strict=True)
                if element.attributes.get("class") == "sortable"]  # fmt: skip

    assert sortable == [
        "Evidence per layer, last logged step",
        f"Layers at epoch {EPOCHS}, step {10 * EPOCHS}",
        "Cost of nano_u",
    ]


def test_the_tiles_say_what_the_files_say(complete_run: Path, report: RunReport) -> None:
    saved = record(complete_run / "evaluation/test/metrics.json")["pooled"]
    pair = record(complete_run / "export/export.json")["accuracy"]
    before, after = (pair[kind]["pooled"]["metrics"]["iou"] for kind in ("float", "int8"))
    cost = summarise(small_network())
    score = float(rows(complete_run / "nas/nano_u_nas_metrics.csv")[-1]["redundancy_score"])

    tiles = {tile.label: tile for tile in report.tiles}

    low, high = saved["iou_interval"]["low"], saved["iou_interval"]["high"]
    assert tiles["IoU, test"].value == f"{saved['metrics']['iou']:.3f}"
    assert tiles["IoU, test"].note == f"95% interval {low:.3f}-{high:.3f}; floor {saved['floor']['iou']:.3f}"
    assert tiles["IoU, int8"].value == f"{after:.3f}"
    assert tiles["IoU, int8"].note == f"{after - before:+.4f} against float on test"
    assert tiles["parameters"].value == f"{cost.parameters:,}"
    assert tiles["multiply-accumulates"].value == f"{cost.macs / 1e6:,.2f} M"
    assert tiles["RAM, peak of activations"].value == f"{cost.peak_activation_bytes:,} B"
    assert tiles["RAM, peak of activations"].note == f"at {cost.peak_layer}"
    assert tiles["redundancy score"].value == f"{score:.3f}"


def test_the_gallery_shows_every_chosen_image_the_worst_first(complete_run: Path, page: ParsedPage) -> None:
    chosen = load_gallery(complete_run / "evaluation/test/gallery.npz").images

    labels = [element.text for element in page.all("div") if element.attributes.get("class") == "name"]
    assert labels == [f"{image.role}, IoU {image.iou:.3f}: {image.name}" for image in chosen if image.iou is not None]
    assert [image.iou for image in chosen] == sorted(image.iou for image in chosen if image.iou is not None)
    inside = [element.attributes["alt"] for element in page.all("img") if "li" in element.inside]
    assert inside == [
        f"{panel} of {image.name}" for image in chosen for panel in ("input", "truth", "prediction", "error")
    ]


def test_galleries_beyond_the_first_are_bounded(run: Path) -> None:
    for number in range(MOST_GALLERIES + 2):
        shutil.copytree(run / "evaluation" / "test", run / "evaluation" / f"val-{number}")

    report = report_of(run)

    assert [part.title for part in report.galleries] == [
        "Images of test, worst first",
        "Images of val-0, worst first",
        "Images of val-1, worst first",
    ]
    assert len(report.accuracy) == MOST_GALLERIES + 4


def test_float_and_int8_stand_side_by_side(complete_run: Path, page: ParsedPage) -> None:
    pair = record(complete_run / "export/export.json")["accuracy"]

    table = page.table("Float against int8")
    before, after = ([group["metrics"]["iou"] for group in pair[kind]["groups"]] for kind in ("float", "int8"))
    assert table.column("float IoU") == [f"{iou:.3f}" for iou in before]
    assert table.column("int8 IoU") == [f"{iou:.3f}" for iou in after]
    assert table.column("drop") == [f"{one - other:+.4f}" for one, other in zip(before, after, strict=True)]
    assert page.table("int8 model").body[:4] == [
        [".tflite file", "44,832 bytes"],
        ["weights in it", "17,115 bytes"],
        ["peak of activations", "196,608 bytes"],
        ["arena recorded by TensorFlow Lite Micro", "208,080 bytes"],
    ]


def test_the_cost_table_is_that_of_the_architecture(page: ParsedPage) -> None:
    table = page.table("Cost of nano_u")

    costs = layer_costs(small_network())
    assert table.column("layer") == [cost.layer for cost in costs]
    assert table.column("MACs") == [f"{cost.macs:,}" if cost.macs else "0" for cost in costs]


def certify(run: Path, certificate: Certificate) -> Path:
    (run / "export/certificate.json").write_text(json.dumps(certificate.to_dict()))
    return run


def test_the_section_of_the_chip_holds_the_certificates_numbers(page: ParsedPage) -> None:
    assert page.one("h2", id_="chip").text == "On the chip"
    assert "Proven: 6 computations, 4 of them by the C, gave the same bytes" in page.text
    table = page.table("Certificate of nano_u")
    assert table.column("computed by")[-2:] == [f"C, emulated cortex-m7, {LONG_COMPILER}", "C, emulated cortex-m33"]
    assert table.column("outputs") == ["equal"] * 6 + ["not run"]
    assert table.column("SHA-256")[0] == "0ab1c894337c"
    assert table.column("instructions") == ["-"] * 4 + ["21,600", "6,950", "-"]
    assert ["RAM in all", "3,700"] in page.table("Memory on the chip").body
    stages = page.table("Stages of the C")
    assert stages.column("layers") == ["input_image", "encoder_depthwise, encoder_pointwise", "logits"]
    assert stages.foot == [["all", "", "1,000", "-", "", "2,176"]]
    values = [element.text for element in page.all("dd") if element.attributes.get("class") == "value"]
    assert values[-4:] == ["3,700 B", "27,027 B", "0.815", "6,950"]
    (picture,) = [figure for figure in figures(page) if (figure.attributes["aria-label"] or "").startswith("Bytes")]
    assert "3,700 bytes, 25% of the arena" in picture.text
    assert "3 rows, 1,536 bytes" in picture.text
    data = json.loads(page.one("script", id_="report-data").text)
    assert data["certificate"] == json.loads(json.dumps(small_certificate().to_dict()))


def test_other_bytes_are_the_first_thing_that_the_section_says(run: Path) -> None:
    page = page_of(report_of(certify(run, with_other_bytes(small_certificate(), 3))))

    (proof,) = [element for element in page.all("div") if element.attributes.get("class") == "proof bad"]
    assert "Not safe to deploy: 1 of 6 computations gave other bytes than the reference kernels." in proof.text
    assert "C from camera bytes, this machine, gcc 12.2.0 -O2" in proof.text
    assert page.table("Certificate of nano_u").column("outputs")[3] == "DIFFERENT"


def test_hostile_names_in_a_certificate_stay_text(run: Path) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    certificate = small_certificate(layer=hostile, model=hostile)
    witnesses = [dataclasses.replace(one, name=f"{one.name} {hostile}") for one in certificate.witnesses]
    certificate = dataclasses.replace(certificate, witnesses=tuple(witnesses))
    plain = page_of(report_of(run))

    page = page_of(report_of(certify(run, with_other_bytes(certificate, 2))))

    assert page.table(f"Certificate of {hostile}").column("computed by") == [one.name for one in witnesses]
    assert page.table("Stages of the C").column("stage")[0] == f"{hostile}input"
    assert [len(page.all(tag)) for tag in ("script", "img")] == [len(plain.all(tag)) for tag in ("script", "img")]
    assert page.open_tags == []


def test_a_damaged_certificate_costs_its_section_alone(run: Path) -> None:
    (run / "export/certificate.json").write_text('{"model": "nano_u"}')

    report = report_of(run)
    page = page_of(report)

    assert report.chip is None
    ((part, message),) = report.problems
    assert (part, report.missing) == ("certificate", ())
    assert message.startswith(f"{run / 'export' / 'certificate.json'}: is no certificate of this version")
    assert message in page.text
    assert page.table("int8 model").body
    assert [element for element in page.all("h2") if element.attributes["id"] == "chip"] == []


@pytest.fixture
def refined(run: Path) -> Path:
    """A distilled run that was fine-tuned under int8 arithmetic."""
    return refine_small_run(run)


def test_a_fine_tuned_run_shows_its_second_curve_under_int8_arithmetic(refined: Path) -> None:
    report = report_of(refined)
    page = page_of(report)

    first, second = report.learning
    assert first.caption == "Loss and IoU by epoch, training beside validation."
    assert second.caption == "Loss and IoU by epoch under int8 arithmetic, training beside validation."
    assert "Float training" in str(first.svg)
    assert "Fine-tuning under int8 arithmetic" in str(second.svg)
    assert "best 0.360, epoch 3" in str(second.svg)
    assert {first.caption, second.caption} <= {figure.attributes["aria-label"] for figure in figures(page)}
    data = json.loads(page.one("script", id_="report-data").text)
    assert data["history_int8"]["epoch"] == [1, 2, 3]


def test_the_curve_of_a_run_under_int8_from_the_first_epoch_says_so(run: Path) -> None:
    refine_small_run(run, from_first_epoch=True)

    report = report_of(run)

    (only,) = report.learning
    assert only.caption == "Loss and IoU by epoch under int8 arithmetic, training beside validation."
    assert "Float training" not in str(only.svg)
    assert page_of(report).table("Float against int8").body
    assert "epochs under int8 arithmetic" not in dict(report.facts)


def test_teacher_float_and_simulated_int8_stand_in_one_table(refined: Path) -> None:
    metrics = record(refined / "metrics.json")
    teacher, before, after = (
        entry["pooled"]
        for entry in (metrics["teacher"], metrics["validation"], metrics["quantization_aware"]["validation"])
    )

    page = page_of(report_of(refined))

    table = page.table("Validation IoU of every network")
    assert table.column("network") == ["teacher", "float", "simulated int8"]
    assert table.column("IoU") == [f"{entry['metrics']['iou']:.3f}" for entry in (teacher, before, after)]
    assert table.column("against float") == [
        f"{teacher['metrics']['iou'] - before['metrics']['iou']:+.4f}",
        "-",
        f"{after['metrics']['iou'] - before['metrics']['iou']:+.4f}",
    ]
    data = json.loads(page.one("script", id_="report-data").text)
    assert data["validation_teacher"] == metrics["teacher"]
    assert data["validation_int8"] == metrics["quantization_aware"]["validation"]


def test_a_plain_run_has_no_table_of_networks_and_a_curve_without_title(report: RunReport, page: ParsedPage) -> None:
    assert "Validation IoU of every network" not in page.text
    (curve,) = report.learning
    assert "Float training" not in str(curve.svg)


def test_a_fine_tuned_run_says_which_float_network_stands_beside_int8(refined: Path) -> None:
    path = refined / "export" / "export.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "float_model": "qat.keras, not rounded"}))

    page = page_of(report_of(refined))

    assert page.table("Float against int8").body
    assert "float: qat.keras, not rounded." in page.text


def test_the_threshold_of_the_export_and_where_it_was_chosen_are_told(refined: Path) -> None:
    assert "Threshold: probability 0.45, int8 value -11; the best on val images." in page_of(report_of(refined)).text


def test_provenance_names_the_teacher_and_the_epochs_under_int8(refined: Path) -> None:
    facts = dict(report_of(refined).facts)

    assert facts["teacher"] == "runs/teacher/best.keras, sha256 5a125a125a125a12, 363,176 parameters"
    assert (facts["epochs under int8 arithmetic"], facts["best epoch of these"]) == ("3", "2")


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("history.csv", "epoch,learning_rate\n1,0.1\n", "learning curves"),
        ("history_qat.csv", "epoch,learning_rate\n1,0.1\n", "learning curves under int8 arithmetic"),
    ],
)
def test_a_history_without_loss_and_iou_costs_its_picture_and_not_the_page(
    refined: Path, name: str, content: str, part: str
) -> None:
    (refined / name).write_text(content)

    report = report_of(refined)

    assert len(report.learning) == 1
    assert dict(report.problems) == {part: "the history holds no epoch with a loss or an IoU; there is nothing to draw"}
    assert page_of(report).table("Accuracy on test").body


@pytest.mark.parametrize(
    ("function", "part", "lost"),
    [
        ("recommend", "recommendations", "recommendations"),
        ("evaluation_table", "accuracy", "accuracy"),
        ("panel_pictures", "galleries", "galleries"),
        ("redundancy_over_training", "redundancy", "redundancy"),
        ("layer_redundancy_table", "layers", "layers"),
        ("correlation_pixels", "matrices", "matrices"),
        ("memory_timeline", "memory", "memory"),
        ("cost_table", "cost", "cost"),
        ("int8_tables", "int8 model", "int8"),
        ("chip_section", "certificate", "chip"),
        ("iou_drop", "key numbers", "tiles"),
    ],
)
def test_a_part_that_cannot_be_drawn_is_named_and_the_others_stand(
    run: Path, monkeypatch: pytest.MonkeyPatch, function: str, part: str, lost: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RunError("numbers that cannot be drawn")

    monkeypatch.setattr(f"nano_u.reporting.html.run_report.{function}", refuse)

    report = report_of(run)

    assert dict(report.problems) == {part: "numbers that cannot be drawn"}
    assert not getattr(report, lost)
    assert report.learning
    assert page_of(report).open_tags == []


def test_recommendations_come_with_their_prices_and_evidence(report: RunReport, page: ParsedPage) -> None:
    assert report.recommendations is not None
    for section in report.recommendations.sections:
        assert section.verdict in page.text
        for line in section.lines:
            assert line in page.text
    priced = [entry for entry in report.recommendations.advice if entry.price is not None]
    advice = page.table("Evidence per layer, last logged step").column("advice")
    assert priced
    assert sum(" parameters" in cell and "MACs" in cell for cell in advice) >= 1
    assert report.recommendations.total is not None


def test_every_figure_has_a_label_and_ids_are_unique_over_all_of_them(page: ParsedPage) -> None:
    labels = [figure.attributes["aria-label"] or "" for figure in figures(page)]
    assert [label.split(":")[0].split(",")[0] for label in labels] == [
        "Loss and IoU by epoch",
        "Redundancy over training",
        "Correlation",
        "Redundancy of every layer over training.",
        "Peak 2",
        "Bytes that the C keeps",
    ]
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))


def test_nothing_on_the_page_is_loaded_and_nothing_runs_but_the_script(page: ParsedPage) -> None:
    for element in page.elements:
        for name, value in element.attributes.items():
            assert name != "style"
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href"):
                assert (value or "").startswith(("data:image/", "#")), element
            if name != "xmlns":
                assert "http://" not in (value or "")
                assert "https://" not in (value or "")
    assert {element.tag for element in page.elements} & {"link", "iframe", "object", "embed", "form", "base"} == set()
    assert [element.attributes.get("type") for element in page.all("script")] == ["application/json", None]


def test_every_reference_within_the_page_leads_somewhere(page: ParsedPage) -> None:
    ids = {element.attributes["id"] for element in page.elements if "id" in element.attributes}
    targets = {
        value
        for element in page.elements
        for name, value in element.attributes.items()
        if (name == "href" and (value or "").startswith("#")) or name == "aria-labelledby"
    }
    assert {(target or "").removeprefix("#") for target in targets} <= ids


def test_provenance_is_what_the_run_recorded(report: RunReport) -> None:
    facts = dict(report.facts)

    assert facts["started"] == "2026-11-25T09:00:00+00:00"
    assert facts["command"] == "nano-u train --data camvid"
    assert facts["seed"] == "0"
    assert facts["data"] == "camvid"
    assert facts["split train"] == f"367 images, sha256 {'27' * 8}"
    assert facts["versions"] == "python 3.11.7, nano-u 0.1.0, keras 3.15.1"
    assert facts["git"] == "commit c877d5e, dirty False"
    assert (facts["epochs"], facts["best epoch"]) == (str(EPOCHS), "5")


def test_the_data_are_the_files_numbers(complete_run: Path, page: ParsedPage) -> None:
    data = json.loads(page.one("script", id_="report-data").text)

    logged = rows(complete_run / "nas/nano_u_nas_metrics.csv")
    layers = rows(complete_run / "nas/nano_u_nas_layers.csv")
    saved = record(complete_run / "evaluation/test/metrics.json")
    assert data["redundancy"]["epoch"] == list(range(1, EPOCHS + 1))
    assert data["redundancy"]["redundancy_score"] == [float(row["redundancy_score"]) for row in logged]
    for name, scores in data["redundancy"]["layers"].items():
        assert scores == [float(row["redundancy_score"]) for row in layers if row["layer"] == name]
    assert Evaluation.from_dict(data["evaluations"]["test"]) == Evaluation.from_dict(saved)
    assert data["validation"] == record(complete_run / "metrics.json")["validation"]
    assert data["int8"] == record(complete_run / "export/export.json")
    assert data["provenance"] == record(complete_run / "provenance.json")
    assert data["history"]["val_iou"] == [float(row["val_iou"]) for row in rows(complete_run / "history.csv")]
    assert len(data["recommendations"]["layers"]) == len(data["redundancy"]["layers"])


def test_many_steps_are_thinned_evenly_with_both_ends(run: Path) -> None:
    steps = 3 * MOST_STEPS
    path = run / "nas/nano_u_nas_metrics.csv"
    header, first, *_ = path.read_text().splitlines()
    rest = first.split(",", 2)[2]
    path.write_text("\n".join([header, *(f"{step},{step},{rest}" for step in range(1, steps + 1)), ""]))
    (run / "nas/nano_u_nas_layers.csv").unlink()

    chosen = report_of(run).data["redundancy"]["step"]

    gaps = {after - before for before, after in itertools.pairwise(chosen)}
    assert (len(chosen), chosen[0], chosen[-1]) == (MOST_STEPS, 1, steps)
    assert gaps <= {3, 4}


def test_only_the_matrices_of_the_highest_scores_are_shown_in_network_order(tmp_path: Path) -> None:
    deep = nano_u((16, 16, 3), [4, 6], 8)
    paths = write_monitor(tmp_path / "nas", deep, epochs=2)
    last = [row for row in rows(paths.layers) if row["epoch"] == "2"]
    highest = sorted(last, key=lambda row: -float(row["redundancy_score"]))[:MOST_MATRICES]

    report = report_of(tmp_path)

    assert len(last) > MOST_MATRICES
    assert [(matrix.layer, str(matrix.channels)) for matrix in report.matrices] == [
        (row["layer"], row["num_channels"]) for row in last if row in highest
    ]
    assert report.matrices_left_out == len(last) - MOST_MATRICES
    assert f"The {MOST_MATRICES} layers of the highest scores; {report.matrices_left_out} more" in page_of(report).text


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ("provenance.json", "provenance: provenance.json is not there"),
        ("metrics.json", "final metrics: training has not finished"),
        ("history.csv", "learning curves: history.csv is not there; the first epoch writes it"),
        ("graph.json", "cost and memory: graph.json is not there; `nano-u train` writes it"),
        ("nas", "redundancy: train with --enable-nas"),
        ("evaluation", "accuracy on test images: nano-u evaluate {run}"),
        ("evaluation/test/gallery.npz", "gallery: nano-u evaluate {run}"),
        ("export", "int8 model: nano-u export {run}"),
        ("export/certificate.json", "C for a chip, proven: nano-u export {run} --c DIR"),
        (
            "nas/nano_u_nas_correlations.npz",
            "nano_u_nas_correlations.npz is not there: no histograms and no correlation matrices.",
        ),
    ],
)
def test_what_is_missing_is_named_with_the_way_to_get_it_and_is_no_damage(run: Path, lost: str, sentence: str) -> None:
    path = run / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()

    report = report_of(run)
    page = page_of(report)

    assert report.missing == (sentence.format(run=run),)
    assert report.problems == ()
    assert sentence.format(run=run) in page.text
    assert page.open_tags == []


def test_a_complete_run_has_no_notice(report: RunReport, page: ParsedPage) -> None:
    assert report.missing == ()
    assert [element for element in page.all("div") if "notice" in (element.attributes.get("class") or "")] == []


def test_what_is_damaged_is_named_on_the_page_and_not_called_missing(run: Path) -> None:
    for name in ("provenance.json", "history.csv", "graph.json", "nas/nano_u_nas_metrics.csv", "export/export.json"):
        (run / name).write_text("{")

    report = report_of(run)
    page = page_of(report)

    assert report.missing == ()
    (notice,) = [element for element in page.all("div") if element.attributes.get("class") == "notice bad"]
    assert notice.attributes["role"] == "alert"
    assert "Damaged, and left out:" in notice.text
    for part, message in report.problems:
        assert f"{part}: {message}" in notice.text
    assert len(report.problems) == 5
    assert page.table("Accuracy on test").body


def test_a_damaged_configuration_hides_no_hint(run: Path) -> None:
    (run / "config.yaml").write_text("epochs: many\n")
    shutil.rmtree(run / "export")

    report = report_of(run)

    assert report.missing == (f"int8 model: nano-u export {run}",)
    assert [part for part, _ in report.problems] == ["configuration"]


def test_a_monitors_folder_alone_gives_redundancy_advice_and_memory(run: Path) -> None:
    report = report_of(run / "nas")

    assert len(report.redundancy) == 3
    assert report.recommendations is not None
    assert report.memory is not None
    assert (report.accuracy, report.learning, report.facts, report.missing) == ((), (), (), ())
    assert report.title == "nano_u in nas"


def test_a_run_named_by_a_dot_has_the_name_of_its_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run / "nas")

    assert report_of(Path("..")).title == "nano_u in run"
