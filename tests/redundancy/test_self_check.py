from __future__ import annotations

import logging

import numpy as np
import pytest

from nano_u.errors import NanoUError
from nano_u.redundancy import population_redundancy_score, validate_nas_computation
from nano_u.redundancy.self_check import Law, moment_laws, report_laws, score_laws


def test_all_laws_hold_here(caplog: pytest.LogCaptureFixture) -> None:
    assert validate_nas_computation()
    assert validate_nas_computation(raise_on_failure=True)
    assert not caplog.records
    assert len({law.name for law in [*score_laws(), *moment_laws()]}) == 13


def reversed_score(covariance: np.ndarray) -> float | None:
    return 1 - (population_redundancy_score(covariance) or 0)


def score_of_covariance(covariance: np.ndarray) -> float | None:
    """Without the standardisation that makes scales irrelevant."""
    share = np.maximum(np.linalg.eigvalsh(covariance), 1e-300) / np.trace(covariance)
    return float(1 - (np.exp(-share @ np.log(share)) - 1) / (len(covariance) - 1))


@pytest.mark.parametrize(
    ("score", "broken"),
    [
        (reversed_score, "independent channels score 0"),
        (score_of_covariance, "scales of channels do not matter"),
        (lambda covariance: None, "independent channels score 0"),
    ],
    ids=["reversed", "scale-dependent", "none"],
)
def test_a_wrong_score_is_found(score: object, broken: str, caplog: pytest.LogCaptureFixture) -> None:
    laws = list(score_laws(score))  # type: ignore[arg-type]

    with caplog.at_level(logging.ERROR):
        assert not report_laws(laws, raise_on_failure=False)

    assert broken in caplog.text
    with pytest.raises(NanoUError, match=broken):
        report_laws(laws, raise_on_failure=True)


@pytest.mark.parametrize("computed", [None, float("nan"), 1.001])
def test_a_law_does_not_hold_for_another_value(computed: float | None) -> None:
    assert not Law("law", computed, 1.0).holds
