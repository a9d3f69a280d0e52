"""One exception tree. Every error that a user can cause or mend is one of these, and its text is one line.

NanoUError
├── ConfigError              a configuration file, key or command-line value
├── DataError                images, masks, splits
├── ModelError               an architecture that cannot be built or read
├── TrainingError            training that cannot go on
│   └── NonFiniteLossError   NaN or infinite loss, with the files of the batch
├── RunError                 a run directory that is missing, locked or damaged
├── DeployError              conversion or verification failed
│   └── BudgetError          the result does not meet a gate or a chip's budget
└── MissingDependencyError   an optional package that this operation needs
"""

from __future__ import annotations


class NanoUError(Exception):
    """Base of all errors that Nano-U raises on purpose; its text names the file or key and the remedy."""


class ConfigError(NanoUError, ValueError):
    """A configuration file, key or command-line value is wrong."""


class DataError(NanoUError, ValueError):
    """Images, masks or splits cannot be used as they are."""


class ModelError(NanoUError, ValueError):
    """An architecture cannot be built, or a model file cannot be read."""


class TrainingError(NanoUError, RuntimeError):
    """Training cannot start or go on."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite; the text names the batch's files."""


class RunError(NanoUError, RuntimeError):
    """A run directory is missing, locked by another process, or damaged."""


class DeployError(NanoUError, RuntimeError):
    """Conversion to int8 or its verification failed."""


class BudgetError(DeployError):
    """The result misses a gate (accuracy drop) or a chip's budget (RAM, flash)."""


class MissingDependencyError(NanoUError, ImportError):
    """An optional package is not installed; the text gives the command that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'nano-u[{extra}]'")
