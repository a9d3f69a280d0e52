from __future__ import annotations

import dataclasses
import json

import pytest
from tests.reporting.advised import measured, network, run_of

from nano_u.config import ThresholdsConfig
from nano_u.graph import nano_u
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.recommendation_text import evidence_table, recommendation_text, recommendations_to_dict
from nano_u.reporting.recommendations import Recommendations, recommend

THRESHOLDS = ThresholdsConfig()
TITLES = [
    "REDUNDANCY ANALYSIS",
    "CORRELATION ANALYSIS",
    "NUMERICAL STABILITY",
    "TRAINING DYNAMICS",
    "OVERALL RECOMMENDATION",
]


def verdicts(found: Recommendations) -> list[str]:
    return [section.verdict for section in found.sections]


def with_last(run: MonitoredRun, **changed: float | None) -> MonitoredRun:
    return dataclasses.replace(run, steps=(*run.steps[:-1], dataclasses.replace(run.steps[-1], **changed)))


def with_scores(run: MonitoredRun, *scores: float) -> MonitoredRun:
    steps = [dataclasses.replace(step, redundancy_score=score) for step, score in zip(run.steps, scores, strict=True)]
    return dataclasses.replace(run, steps=tuple(steps))


def test_the_text_has_the_header_and_five_numbered_sections_with_their_values() -> None:
    text = recommendation_text(recommend(run_of([measured("act", copies=4)], architecture=network()), THRESHOLDS))

    lines = text.splitlines()
    assert lines[0] == "NAS ANALYSIS RECOMMENDATIONS FOR PLANTED"
    assert [line for line in lines if line[:1].isdigit()] == [f"{n}. {title}" for n, title in enumerate(TITLES, 1)]
    score = run_of([measured("act", copies=4)]).steps[-1].redundancy_score
    assert f"   good (final={score:.3f})" in lines


def test_planted_copies_are_advised_on_with_layer_channels_and_price() -> None:
    found = recommend(run_of([measured("act", copies=4)], architecture=network()), THRESHOLDS)

    assert verdicts(found)[-1] == "take 4 filters out of 1 layer"
    lines = found.sections[-1].lines
    assert lines[0] == "conv: 16 -> 12 filters"
    dropped = found.advice[0].channels
    assert sorted(channel % 12 for channel in dropped) == [0, 1, 2, 3]
    assert lines[1] == f"Channels of act that the others rebuild: {', '.join(map(str, dropped))}."
    assert "parameters 513 -> 385 (-25.0%)" in lines
    assert found.total is not None
    assert found.total.after.parameters == 385


def test_a_healthy_network_gets_no_advice() -> None:
    found = recommend(run_of([measured("act")], architecture=network()), THRESHOLDS)

    assert found.advice == ()
    assert found.total is None
    assert verdicts(found) == ["excellent", "diverse", "well conditioned", "stable", "optimal width"]


def test_correlated_channels_of_which_none_can_go_call_for_a_penalty() -> None:
    found = recommend(run_of([measured("act", common=1.5)], architecture=network()), THRESHOLDS)

    assert verdicts(found)[1] == "high correlation"
    assert verdicts(found)[-1] == "regularise"
    assert found.advice == ()


def test_one_logged_step_is_too_little_evidence_for_anything() -> None:
    found = recommend(run_of([measured("act", copies=4)], steps=1, architecture=network()), THRESHOLDS)

    assert set(verdicts(found)) == {"too little evidence", "too short to tell"}
    assert found.advice == ()


def test_activations_that_do_not_vary_are_not_praised() -> None:
    silent = with_last(
        run_of([measured("act")]), redundancy_score=0.0, correlation_mean=0.0, correlation_std=0.0, trace=0.0
    )

    found = recommend(silent, THRESHOLDS)

    assert verdicts(found)[:3] == ["too little evidence"] * 3
    assert verdicts(found)[-1] == "too little evidence"


def test_too_few_samples_in_every_layer_are_too_little_evidence() -> None:
    thin = dataclasses.replace(measured("act", copies=4), reliable=False)

    found = recommend(run_of([thin], architecture=network()), THRESHOLDS)

    assert verdicts(found)[0] == "too little evidence"
    assert found.advice == ()


@pytest.mark.parametrize("score", [0.1, 0.45])
def test_a_linear_reader_with_too_few_samples_is_not_praised(score: float) -> None:
    unknown = dataclasses.replace(
        measured("other"), reliable=False, keep=None, removable=None, redundancy_score=score, effective_samples=1.0
    )

    found = recommend(run_of([measured("act"), unknown], architecture=network()), THRESHOLDS)

    assert verdicts(found)[-1] == "too little evidence"
    assert found.sections[-1].lines[0].startswith("Too few samples to say what can go in other; monitor more images")


def test_without_layers_there_is_a_verdict_but_no_advice_in_channels() -> None:
    run = run_of([measured("act", copies=4)])
    bare = dataclasses.replace(run, steps=tuple(dataclasses.replace(step, layers=()) for step in run.steps))

    found = recommend(bare, THRESHOLDS)

    assert verdicts(found)[0] == "good"
    assert (verdicts(found)[-1], found.findings) == ("too little evidence", ())


@pytest.mark.parametrize(
    ("correlation", "expected"), [(0.29, "diverse"), (0.45, "moderate correlation"), (0.61, "high correlation")]
)
def test_correlation_is_read_against_its_zones(correlation: float, expected: str) -> None:
    found = recommend(with_last(run_of([measured("act")]), correlation_mean=correlation), THRESHOLDS)

    assert verdicts(found)[1] == expected
    assert found.sections[1].value == f"final={correlation:.3f}"


def test_a_condition_number_above_the_threshold_is_poor() -> None:
    run = run_of([measured("act")])

    assert verdicts(recommend(with_last(run, condition_number=1.1e6), THRESHOLDS))[2] == "poor conditioning"
    assert verdicts(recommend(with_last(run, condition_number=0.9e6), THRESHOLDS))[2] == "well conditioned"


def test_thresholds_come_from_the_configuration() -> None:
    run = run_of([measured("act", copies=4)])

    strict = ThresholdsConfig(low_redundancy=0.1, moderate_redundancy=0.2, high_redundancy=0.25)

    assert verdicts(recommend(run, strict))[0] == "high redundancy"


def test_the_trend_is_told_from_the_first_and_last_five_steps() -> None:
    run = run_of([measured("act")], steps=10)
    rising = with_scores(run, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3, 0.3)

    dynamics = recommend(rising, THRESHOLDS).sections[3]

    assert (dynamics.verdict, dynamics.value) == ("rising", "trend=+0.200")
    assert recommend(run_of([measured("act")], steps=9), THRESHOLDS).sections[3].verdict == "too short to tell"


def test_advice_that_does_not_lower_ram_says_where_the_peak_lies_and_what_would() -> None:
    layer = measured("decoder2_block2_pointwise_relu", copies=4)

    lines = recommend(run_of([layer], architecture=nano_u()), THRESHOLDS).sections[-1].lines

    assert "This does not lower RAM: its peak lies elsewhere." in lines
    assert "RAM peaks at decoder2_block1_depthwise with 196,608 bytes of int8 activations." in lines
    assert any(line.startswith("A 1x1 convolution to 16 channels before decoder2_upsample") for line in lines)
    assert any("98,304 bytes (-50%" in line for line in lines)


def test_advice_that_lowers_ram_says_how_much() -> None:
    lines = recommend(run_of([measured("act", copies=4)], architecture=network()), THRESHOLDS).sections[-1].lines

    # at the convolution: 8x8x3 in and 8x8x16 out; at the head 8x8x16 and 8x8x1
    assert "peak of activations 1,216 -> 960 bytes (-21.1%)" in lines
    assert not any("does not lower RAM" in line for line in lines)


def test_a_network_that_could_lose_a_quarter_of_its_filters_is_too_wide() -> None:
    run = run_of([measured("act", copies=8)], architecture=network())

    lines = recommend(run, ThresholdsConfig(moderate_redundancy=0.6)).sections[-1].lines

    assert "That is 47% of the network's filters: reduce width by 25-50 % in the next experiment." in lines


def test_the_evidence_names_the_rule_that_fired_for_every_layer() -> None:
    found = recommend(
        run_of([measured("act", copies=4), measured("other", linear=False)], architecture=network()), THRESHOLDS
    )

    table = evidence_table(found)

    headings = [column.heading for column in table.columns]
    rows = [dict(zip(headings, row, strict=True)) for row in table.rows]
    assert rows[0]["advice"] == "conv: 16 -> 12"
    assert rows[0]["rule"] == "removable 0.250: 4 of 16 channels, in steps of 4"
    assert rows[0]["price"].startswith("-128 parameters, -7,168 MACs, ")
    assert (rows[1]["advice"], rows[1]["removable"]) == ("-", "-")
    merged = evidence_table(found, price_with_advice=True)
    assert merged.rows[0][6] == f"{rows[0]['advice']}; {rows[0]['price']}"


def test_json_holds_what_the_text_says() -> None:
    found = recommend(run_of([measured("act", copies=4)], architecture=network()), THRESHOLDS)

    record = json.loads(json.dumps(recommendations_to_dict(found), allow_nan=False))

    assert [section["title"] for section in record["sections"]] == TITLES
    assert record["layers"][0]["advice"]["changes"] == [{"layer": "conv", "before": 16, "after": 12}]
    assert record["total"]["parameters"] == -128
    assert record["layers"][0]["score"] == found.findings[0].score


def test_dead_channels_beyond_those_named_are_counted() -> None:
    layers = [dataclasses.replace(measured(f"layer{number}"), dead_channels=2) for number in range(6)]

    (line,) = [line for line in recommend(run_of(layers), THRESHOLDS).sections[2].lines if line.startswith("Dead")]

    assert line == "Dead channels: 2 in layer0, 2 in layer1, 2 in layer2, 2 in layer3 and 2 more."
