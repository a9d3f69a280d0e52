"""How many independent samples would tell as much as these pixels, which are not independent.

N_eff = N * (variance that N independent samples would have) / (jackknife variance over groups of whole images), both of
the correlations and summed over all pairs of channels; for independent samples var(r) = (1 - r^2)^2 / N.

The variance of the correlations stands for that of the score: it is what biases the entropy, to second order, and it
averages over C (C - 1) / 2 pairs. The score itself makes a poor yardstick. It is flat where channels are independent,
so that the ratio of its own variances scattered by 15 to 50 % in simulations (the correlations': 2 to 8 %). And its
textbook variance takes the kurtosis for Gaussian: for 256 samples of independent channels after a sparse ReLU it said
44, that of the covariances 107, the correlations 256.
"""

from __future__ import annotations

import numpy as np

from nano_u.redundancy.jackknife import GroupDeviations

_ROUNDING = 1e-9  # of mean (1 - r^2)^2: below it every pair repeats one channel and its r cannot vary


def effective_samples(groups: GroupDeviations) -> float:
    """N_eff, from 1 to the number of samples.

    Where correlations cannot vary (one live channel, or all repeating one) the variances of the channels are compared
    instead. With fewer than two filled groups nothing can be compared: then each image counts as one sample.
    """
    samples = groups.total.count
    if groups.filled < 2:
        return max(1.0, min(samples, float(groups.moments.images)))
    live = int(np.count_nonzero(groups.inverse_scale))
    pairs = live * (live - 1)
    free = (1 - groups.correlation**2) ** 2
    naive = float(free.sum()) - (free.size - live * live)  # dead channels have r = 0 and are no pairs
    if pairs and naive / pairs > _ROUNDING:
        actual = groups.correlation_variance()
    else:
        naive, actual = 2.0 * live, groups.variance_of_variances()
    return max(1.0, naive / actual) if actual > naive / samples else samples
