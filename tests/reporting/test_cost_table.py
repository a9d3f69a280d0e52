from __future__ import annotations

import dataclasses

from nano_u.graph import CHIPS, fits, get_chip, layer_costs, nano_u, summarise
from nano_u.reporting import cost_summary_table, cost_table, fit_table


def test_the_cost_table_has_a_row_per_operator_and_the_promised_totals() -> None:
    network = nano_u()

    table = cost_table(layer_costs(network), summarise(network))

    assert len(table.rows) == len(layer_costs(network)) + 1
    assert table.rows[-1][:1] + table.rows[-1][3:7] == ("total", "17,112", "11,074,560", "17,115", "196,608")


def test_only_the_layer_with_the_peak_is_marked() -> None:
    network = nano_u()
    summary = summarise(network)

    marked = [row for row in cost_table(layer_costs(network), summary).rows if row[-1]]

    assert [(row[0], row[6]) for row in marked] == [(summary.peak_layer, "196,608")]


def test_layers_of_unknown_content_are_a_warning_in_both_tables() -> None:
    network = nano_u()
    summary = dataclasses.replace(summarise(network), uncounted=("lambda_1",))

    for table in (cost_table(layer_costs(network), summary), cost_summary_table(summary)):
        assert "warning: lambda_1: not counted, its content is unknown" in table.to_text()


def test_the_summary_names_the_layer_of_the_peak() -> None:
    text = cost_summary_table(summarise(nano_u())).to_text()

    assert "peak of activations, int8 (at decoder2_block1_depthwise)  196,608 bytes" in text


def test_the_fit_table_says_which_chips_are_too_small_and_why() -> None:
    summary = summarise(nano_u())
    results = [fits(summary, chip) for chip in CHIPS]

    table = fit_table(results)

    assert [(row[0], row[-1]) for row in table.rows] == [
        (chip.name, "no" if chip.name == "STM32F4" else "yes") for chip in CHIPS
    ]
    assert "STM32F4: decoder2_block1_depthwise keeps 196,608 bytes live" in table.to_text()


def test_needed_and_available_memory_are_in_kib() -> None:
    fit = fits(summarise(nano_u()), get_chip("RP2040"))

    row = fit_table([fit]).rows[0]

    assert row[3:5] == (f"{fit.ram_needed_bytes / 1024:.1f} / 264", f"{fit.flash_needed_bytes / 1024:.1f} / 2,048")


def test_what_the_c_keeps_is_a_line_where_it_is_known() -> None:
    summary = summarise(nano_u())

    assert "RAM of our C, row by row, without stack" in cost_summary_table(summary, c_state_bytes=23_190).to_text()
    assert "our C, row by row" not in cost_summary_table(summary).to_text()
