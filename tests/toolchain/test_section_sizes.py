from __future__ import annotations

from nano_u.toolchain.section_sizes import SectionSizes, sizes_in

LISTING = """
net.o  :
section              size   addr
.text                  20      0
.data                   3      0
.bss                    5      0
.text.net_init        100      0
.rodata               300      0
.rodata.str1.4          7      0
.textual             1000      0
.debug_info          5000      0
Total                6435
"""


def test_sections_are_added_by_where_they_lie() -> None:
    assert sizes_in(LISTING) == SectionSizes(code_bytes=120, constant_bytes=307, variable_bytes=8)
