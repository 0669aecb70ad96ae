"""Rates of arms, made more exact by what was known before, and their differences and ratios to the control. Pure.

Everything follows from moments, so it has their axes: looks first, then arms. The variance of a ratio of means is
that of its linear part (the delta method: Deng, Knoblich and Lu, KDD 2018); covariates are taken off as in CUPED (Deng,
Xu, Kohavi and Walker, WSDM 2013), with one theta for all arms, from the covariances within them.
"""

from typing import NamedTuple

import numpy as np

from scoring.experiments.moments import ArmMoments
from scoring.experiments.tails import Floats, two_sided_p

#: Eigenvalues of the covariates' correlations, against the greatest, below which a direction is left out as constant.
_SMALLEST = 1e-9
#: Columns of the numerator and the denominator; covariates follow.
_PARTS = 2


class ArmRates(NamedTuple):
    """`rate` and `variance` of each arm's estimate, float64[..., arms]; `explained`: the share of the variance within
    arms that the covariates took off, float64[...].
    """

    rate: Floats
    variance: Floats
    explained: Floats


class ArmEffects(NamedTuple):
    """Arms after the first against it, float64[..., arms - 1]. `ratio` is rate / control's rate, 1 for no effect; its
    error is that of its logarithm. NaN where there is nothing to divide by.
    """

    difference: Floats
    error: Floats
    ratio: Floats
    log_ratio_error: Floats

    @property
    def z(self) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.difference / self.error, np.float64)

    @property
    def p(self) -> Floats:
        return two_sided_p(self.z)

    def difference_interval(self, multiplier: Floats | float) -> tuple[Floats, Floats]:
        """Lowest and highest, `multiplier` standard errors away."""
        return self.difference - multiplier * self.error, self.difference + multiplier * self.error

    def ratio_interval(self, multiplier: Floats | float) -> tuple[Floats, Floats]:
        """The same of the ratio, made on its logarithm, so that it is above 0."""
        apart = np.exp(multiplier * self.log_ratio_error)
        return self.ratio / apart, self.ratio * apart


def arm_rates(given: ArmMoments, *, adjusted: bool = True) -> ArmRates:
    """Of the columns numerator, denominator and covariates; `adjusted`: with the covariates."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = given.mean[..., 0] / given.mean[..., 1]
        weights = np.zeros_like(given.mean)
        weights[..., 0], weights[..., 1] = 1 / given.mean[..., 1], -rate / given.mean[..., 1]
        explained = np.zeros(given.visitors.shape[:-1])
        if adjusted and given.mean.shape[-1] > _PARTS:
            theta, explained = _theta(given)
            weights[..., _PARTS:] = -theta[..., None, :]
            covariates = given.mean[..., _PARTS:]
            apart = covariates - _pooled(covariates, given.visitors)[..., None, :]
            rate = rate - (apart * theta[..., None, :]).sum(-1)
        variance = np.einsum("...ap,...apq,...aq->...a", weights, given.covariance, weights) / given.visitors
    return ArmRates(rate, variance, explained)


def effects(rates: ArmRates) -> ArmEffects:
    """Of each arm after the first, which is the control."""
    control, treated = rates.rate[..., :1], rates.rate[..., 1:]
    control_variance, treated_variance = rates.variance[..., :1], rates.variance[..., 1:]
    error = np.sqrt(treated_variance + control_variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        positive = (control > 0) & (treated > 0)
        ratio = np.where(positive, treated / control, np.nan)
        squared = treated_variance / treated**2 + control_variance / control**2
        log_error = np.where(positive, np.sqrt(squared), np.nan)
    return ArmEffects(treated - control, error, ratio, log_error)


def _pooled(means: Floats, count: Floats) -> Floats:
    return np.asarray((means * count[..., None]).sum(-2) / count.sum(-1)[..., None], np.float64)


def _theta(given: ArmMoments) -> tuple[Floats, Floats]:
    """Slopes of the outcome by the covariates, float64[..., k], and the share of variance that they explain."""
    freedom = np.maximum(given.visitors - 1, 0)
    within = np.nansum(given.covariance * freedom[..., None, None], axis=-3) / freedom.sum(-1)[..., None, None]
    within = np.where(np.isfinite(within), within, 0.0)
    outcome, per = (_pooled(given.mean[..., [part]], given.visitors)[..., 0] for part in range(_PARTS))
    linear = np.stack([1 / per, -outcome / per**2], axis=-1)
    linear = np.where(np.isfinite(linear), linear, 0.0)
    known = within[..., _PARTS:, _PARTS:]
    scale = np.sqrt(np.diagonal(known, axis1=-2, axis2=-1))
    scale = np.where(scale > 0, scale, 1.0)
    correlations = known / (scale[..., :, None] * scale[..., None, :])
    together = np.einsum("...kp,...p->...k", within[..., _PARTS:, :_PARTS], linear)
    inverse = np.linalg.pinv(correlations, rcond=_SMALLEST, hermitian=True)
    theta = np.einsum("...kl,...l->...k", inverse, together / scale) / scale
    whole = np.einsum("...p,...pq,...q->...", linear, within[..., :_PARTS, :_PARTS], linear)
    explained = np.where(whole > 0, (theta * together).sum(-1) / np.where(whole > 0, whole, 1.0), 0.0)
    return theta, explained
