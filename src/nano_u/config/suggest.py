"""What a user may have meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Names that other tools use for ours and that no spelling distance would find.
OTHER_NAMES = {
    "lr": "learning_rate",
    "batch": "batch_size",
    "num_epochs": "epochs",
    "data_dir": "data",
    "dataset_path": "data",
    "network": "model_name",
    "architecture": "model_name",
}


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name nearest to `name` in spelling, or None when none is near."""
    names = list(known)
    wanted = name.strip().lower().replace("-", "_")
    if OTHER_NAMES.get(wanted) in names:
        return OTHER_NAMES[wanted]
    by_folded = {candidate.lower(): candidate for candidate in names}
    matches = difflib.get_close_matches(wanted, by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, to be appended to a message, or nothing when no known name is near."""
    near = closest(name, known)
    return f"; did you mean {near!r}?" if near is not None else ""
