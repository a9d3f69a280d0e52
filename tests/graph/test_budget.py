from __future__ import annotations

import dataclasses

import pytest

from nano_u.errors import ConfigError
from nano_u.graph import architectures, summarise
from nano_u.graph.budget import Budget
from nano_u.graph.chips import get_chip

COST = dataclasses.replace(
    summarise(architectures.nano_u((16, 16, 3), [2], 3)),
    arena_estimate_bytes=200_000,
    flash_estimate_bytes=40_000,
    macs=3_000_000,
    parameters=5_000,
)


def test_amounts_are_read_in_the_units_that_engineers_write() -> None:
    budget = Budget.parse("ram=64KB, FLASH=1.5MiB,macs=2.5M,params=4k")

    assert budget.limits == {"ram": 65_536, "flash": 1_572_864, "macs": 2_500_000, "params": 4_000}
    assert Budget.parse("ram=1000,params=7").limits == {"ram": 1_000, "params": 7}


def test_instructions_are_limited_as_a_count() -> None:
    budget = Budget.parse("instructions=20M")

    assert budget.explain(dataclasses.replace(COST, instructions_estimate=21_000_000)) == (
        "instructions 21,000,000 of 20,000,000"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rom=4KB", "unknown limit 'rom'; known: ram, flash, macs, params"),
        ("ram=1KB,ram=2KB", "ram is given twice"),
        ("ram=much", "ram=much is no positive amount; write it as ram=64KB"),
        ("macs=2KB", "macs=2KB is no positive amount; write it as macs=2M"),
        ("ram=0", "no positive amount"),
        ("ram=-5", "no positive amount"),
        ("ram=0.4", "no positive amount"),
        ("ram=" + "9" * 400, "no positive amount"),
        ("", "unknown limit ''"),
    ],
)
def test_what_is_no_budget_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match="budget: ") as caught:
        Budget.parse(text)

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_limit_that_is_just_met_is_not_exceeded() -> None:
    budget = Budget.parse("ram=100000,flash=40000,macs=2M,params=5001")

    assert budget.exceeded(COST) == ("ram", "macs")
    assert budget.explain(COST) == "ram 200,000 of 100,000 bytes, macs 3,000,000 of 2,000,000"


def test_of_two_budgets_the_lower_limit_counts() -> None:
    chip = get_chip("RP2040")
    given = Budget.parse("ram=1MB,macs=2M")

    assert Budget.of_chip(chip).stricter(given).limits == {"ram": 270_336, "flash": 2_097_152, "macs": 2_000_000}
    assert given.stricter(Budget.of_chip(chip)).limits == Budget.of_chip(chip).stricter(given).limits
