from __future__ import annotations

from itertools import pairwise

import numpy as np

from nano_u.codegen.line_breaks import LONGEST, broken, filled


def test_a_filled_line_takes_all_values_for_which_it_has_room() -> None:
    values = np.random.default_rng(0).integers(-(10**6), 10**6, 500).tolist()

    lines = filled(values).splitlines()

    assert [int(text) for line in lines for text in line.rstrip(",").split(",")] == values
    assert all(line.startswith("    ") and line.endswith(",") and len(line) <= LONGEST for line in lines)
    assert all(len(line) + 1 + len(following.split()[0]) > LONGEST for line, following in pairwise(lines))


def test_a_value_longer_than_a_line_has_one_of_its_own() -> None:
    assert filled(["1", "x" * 200, "2"]) == f"    1,\n    {'x' * 200},\n    2,\n"


def test_a_broken_line_is_the_same_code() -> None:
    code = f"    call({', '.join(f'argument_{number}' for number in range(40))});\n"

    lines = broken(code).splitlines()

    assert " ".join(line.strip() for line in lines) == code.strip()
    assert max(map(len, lines)) <= LONGEST
    assert all(line.startswith(" " * 8) for line in lines[1:])
