"""Generated C whose state has forbidden bytes between its buffers."""

from __future__ import annotations

import re

from nano_u.codegen import CSources

GUARD_BYTES = 64

INCLUDE = "#include <sanitizer/asan_interface.h>\n"


def guarded(sources: CSources) -> CSources:
    """The network `net` with a guard behind every buffer: AddressSanitizer by itself sees no bounds inside a struct."""
    buffers = re.findall(r"^    int8_t (\w+)[^;]*;$", sources.header, re.MULTILINE)
    assert buffers
    header = re.sub(
        r"^(    int8_t (\w+)[^;]*;)$", rf"\1\n    int8_t guard_\2[{GUARD_BYTES}];", sources.header, flags=re.MULTILINE
    )
    header = re.sub(r"^(#define NET_STATE_BYTES) \d+$", r"\1 sizeof(net_state)", header, flags=re.MULTILINE)
    poison = "".join(f"    ASAN_POISON_MEMORY_REGION(s->guard_{name}, {GUARD_BYTES});\n" for name in buffers)
    start = "void net_init(net_state *s)\n{\n"
    assert sources.source.count(start) == 1
    return CSources(sources.name, header, INCLUDE + sources.source.replace(start, start + poison))
