from __future__ import annotations

import dataclasses

import pytest

from nano_u.errors import ConfigError
from nano_u.graph.architectures import bu_net, nano_u
from nano_u.graph.chips import CHIPS, fits, get_chip
from nano_u.graph.cost import summarise


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("rp2040", "RP2040"),
        ("RP2350A", "RP2350"),
        ("NRF52840", "nRF52840"),
        ("stm32f407", "STM32F4"),
        ("STM32F407VG", "STM32F4"),
        ("stm32-h7", "STM32H7"),
        ("esp32s3", "ESP32-S3"),
        ("ESP32_S3", "ESP32-S3"),
    ],
)
def test_a_chip_is_found_whatever_its_spelling(written: str, name: str) -> None:
    assert get_chip(written).name == name


@pytest.mark.parametrize("unknown", ["esp32", "stm32", "", "z80"])
def test_an_unknown_chip_lists_the_known_ones_and_is_never_a_neighbour(unknown: str) -> None:
    with pytest.raises(ConfigError, match="RP2040, RP2350, nRF52840, STM32F4, STM32H7, ESP32-S3"):
        get_chip(unknown)


@pytest.mark.parametrize(
    ("name", "ram", "flash", "megahertz"),
    [
        ("RP2040", 264, 2048, 133),
        ("RP2350", 520, 4096, 150),
        ("nRF52840", 256, 1024, 64),
        ("STM32F4", 192, 1024, 168),
        ("STM32H7", 1024, 2048, 480),
        ("ESP32-S3", 512, 8192, 240),
    ],
)
def test_the_figures_are_those_of_the_datasheets(name: str, ram: int, flash: int, megahertz: int) -> None:
    chip = get_chip(name)

    assert (chip.ram_bytes, chip.flash_bytes, chip.clock_hz) == (ram * 1024, flash * 1024, megahertz * 1_000_000)


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_every_figure_has_a_source_and_the_arena_is_part_of_the_ram(chip) -> None:  # type: ignore[no-untyped-def]
    assert min(len(chip.ram_source), len(chip.flash_source), len(chip.clock_source)) > 10
    assert all(source in chip.source for source in (chip.ram_source, chip.flash_source, chip.clock_source))
    assert chip.arena_bytes <= chip.ram_bytes


def test_the_default_net_fits_where_one_block_of_ram_holds_its_arena() -> None:
    verdicts = {chip.name: fits(summarise(nano_u()), chip).fits for chip in CHIPS}

    assert [name for name, fitting in verdicts.items() if not fitting] == ["STM32F4"]


def test_a_network_that_does_not_fit_names_the_layer_that_breaks_the_budget() -> None:
    fit = fits(summarise(nano_u()), get_chip("stm32f4"))

    assert fit.layer == "decoder2_block1_depthwise"
    assert "196,608" in fit.reason
    assert "131,072" in fit.reason


def test_ram_is_compared_to_the_last_byte() -> None:
    summary = summarise(nano_u())
    exact = dataclasses.replace(get_chip("rp2040"), arena_bytes=summary.arena_estimate_bytes)

    assert fits(summary, exact).fits
    assert not fits(summary, dataclasses.replace(exact, arena_bytes=exact.arena_bytes - 1)).fits


def test_flash_can_be_what_breaks_the_budget() -> None:
    summary = summarise(bu_net())
    small = dataclasses.replace(get_chip("stm32h7"), arena_bytes=2**20, flash_bytes=400_000)

    fit = fits(summary, small)

    assert fit.layer == "bottleneck_block2_pointwise"
    assert "flash" in fit.reason
