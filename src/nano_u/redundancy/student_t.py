"""The factor of a 95 % interval from a standard error."""

from __future__ import annotations

# Two-sided 95 % quantiles of Student's t with 1 to 30 degrees of freedom.
_QUANTILES = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)
_NORMAL = 1.959964


def student_t_95(freedom: int) -> float:
    """Two-sided 95 % quantile of Student's t with `freedom` degrees of freedom, to four digits.

    Beyond the table Fisher's expansion (Abramowitz and Stegun 26.7.5).

    >>> student_t_95(19), round(student_t_95(100), 4)
    (2.093, 1.984)
    """
    if freedom < 1:
        raise ValueError(f"degrees of freedom must be positive, got {freedom}")
    if freedom <= len(_QUANTILES):
        return _QUANTILES[freedom - 1]
    z = _NORMAL
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
