from __future__ import annotations

import re
from collections import Counter

from nano_u.codegen.c_kernels import KERNELS, TWO_FORMS, kernels_used_by

DEFINITION = re.compile(r"^static (?:inline )?[a-z0-9_]+ \*?(\w+)\(", re.MULTILINE)


def test_with_all_kernels_in_both_forms_nothing_is_defined_twice() -> None:
    """A network may need a kernel's quick and its general form at once, and what both are made of only once."""
    everything = kernels_used_by(" ".join([*KERNELS, *(f"{name}_any" for name in TWO_FORMS)]))

    twice = {name: count for name, count in Counter(DEFINITION.findall(everything)).items() if count > 1}
    assert twice == {}
    assert {"depthwise_3x3_within", "depthwise_3x3_within_any", "tap_4"} <= set(DEFINITION.findall(everything))
