from __future__ import annotations

import dataclasses

import pytest
from tests.reporting.advised import measured

from nano_u.config import ThresholdsConfig
from nano_u.redundancy import LayerRedundancy
from nano_u.reporting.layer_finding import LayerFinding, layer_finding
from nano_u.reporting.trend import Trend

THRESHOLDS = ThresholdsConfig()
INDEPENDENT = measured("act")


def judged(layer: LayerRedundancy, **thresholds: float) -> LayerFinding:
    return layer_finding(layer, Trend("stable"), ThresholdsConfig(**thresholds))


def with_score(score: float, droppable: int, *, channels: int = 16, name: str = "act") -> LayerRedundancy:
    """A reliable layer of which `droppable` channels can be rebuilt."""
    return dataclasses.replace(
        INDEPENDENT,
        layer=name,
        num_channels=channels,
        redundancy_score=score,
        keep=tuple(range(channels - droppable)),
        removable=droppable / channels,
        effective_samples=1e4,
        reliable=True,
    )


def test_four_copies_of_sixteen_are_found_with_their_channels() -> None:
    finding = judged(measured("act", copies=4))

    assert (finding.verdict, finding.remove, finding.word) == ("cut", 4, "good")
    assert finding.score == pytest.approx(0.312, abs=0.02)
    assert sorted(channel % 12 for channel in finding.rebuilt) == [0, 1, 2, 3]


def test_independent_channels_are_kept() -> None:
    finding = judged(INDEPENDENT)

    assert (finding.verdict, finding.remove, finding.rebuilt) == ("keep", 0, ())
    assert (finding.word, finding.rule) == ("excellent", "no channel can be dropped")


@pytest.mark.parametrize(
    ("score", "word"), [(0.1, "excellent"), (0.31, "good"), (0.51, "moderate"), (0.71, "high"), (1.0, "high")]
)
@pytest.mark.parametrize("droppable", [0, 4])
def test_the_score_chooses_the_word_and_not_whether_channels_go(score: float, word: str, droppable: int) -> None:
    finding = judged(with_score(score, droppable))

    assert finding.word == word
    assert finding.remove == droppable


@pytest.mark.parametrize(
    ("channels", "droppable", "score", "expected"),
    [
        (16, 3, 0.2, 0),  # less than a step of four
        (16, 7, 0.2, 4),
        (16, 8, 0.2, 8),
        (12, 3, 0.2, 3),  # under 16 channels one by one
        (64, 40, 0.4, 40),  # no upper bound up to a score of 0.5
        (64, 40, 0.6, 8),  # at most 15 %
        (64, 40, 0.8, 16),  # at most 30 %
        (16, 8, 0.6, 4),  # 15 % would be less than one step
    ],
)
def test_how_many_may_go(channels: int, droppable: int, score: float, expected: int) -> None:
    assert judged(with_score(score, droppable, channels=channels)).remove == expected


def test_a_bottleneck_is_cut_by_a_quarter_at_most() -> None:
    wide = with_score(0.8, 60, channels=80, name="bottleneck_block1_relu")

    assert judged(wide).remove == 20
    assert judged(dataclasses.replace(wide, layer="decoder1_relu")).remove == 24
    assert "at most 25 % at a time" in judged(wide).rule


def test_the_step_comes_from_the_configuration() -> None:
    assert judged(with_score(0.2, 7), channel_multiple=1).remove == 7
    assert judged(with_score(0.2, 7), channel_multiple=8).remove == 0


def test_correlated_channels_that_cannot_be_dropped_are_said_to_be_so() -> None:
    finding = judged(measured("act", common=1.0))

    assert (finding.verdict, finding.remove) == ("correlated", 0)
    assert finding.rule == "correlated, but no channel can be dropped"
    assert judged(with_score(0.9, 2)).rule == "correlated, but only 2 can go, less than a step of 4"


def test_too_few_samples_give_no_advice() -> None:
    few = dataclasses.replace(with_score(0.9, 8), reliable=False, effective_samples=12.0)

    finding = judged(few)

    assert (finding.verdict, finding.remove) == ("thin", 0)
    assert finding.rule == "too little evidence: 12 effective samples, 64 are needed"


def test_where_no_linear_layer_reads_the_finding_says_where_to_look() -> None:
    finding = judged(measured("act", copies=4, linear=False))

    assert (finding.verdict, finding.remove) == ("elsewhere", 0)
    assert finding.rule == measured("act", copies=4, linear=False).removable_reason


def test_a_layer_without_a_score_has_no_word() -> None:
    finding = judged(measured("act", channels=1))

    assert (finding.verdict, finding.word, finding.rule) == ("undefined", None, "one channel has no other to repeat")
