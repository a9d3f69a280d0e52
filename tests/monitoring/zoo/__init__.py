"""A table of model styles: everything that people pass to `fit`, as small as it goes."""

from tests.monitoring.zoo import custom_steps, functional, nested, odd_layers, ours, sequences, subclassed, unet
from tests.monitoring.zoo.scores import float64_scores
from tests.monitoring.zoo.style import ModelStyle

STYLES: tuple[ModelStyle, ...] = (
    *functional.STYLES,
    *nested.STYLES,
    *subclassed.STYLES,
    *unet.STYLES,
    *odd_layers.STYLES,
    *sequences.STYLES,
    *custom_steps.STYLES,
    *ours.STYLES,
)

__all__ = ["STYLES", "ModelStyle", "float64_scores"]
