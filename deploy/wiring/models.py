"""Builds the models that score: one per version in force, loaded once."""

from functools import lru_cache

from deploy.errors import SetupError
from deploy.settings import ScoringSettings
from scoring.model import Model
from scoring.registry import SHIPPED, RegistryError, load
from stream.step import Models


def models(scoring: ScoringSettings) -> Models:
    """The model of a version; the empty version is the one that the settings name, else the shipped one.

    The default is loaded now, so that a wrong one is refused at the start: raises SetupError.
    """

    @lru_cache(maxsize=8)
    def model(version: str) -> Model:
        return load(scoring.registry or SHIPPED, version or scoring.model)

    try:
        model("")
    except RegistryError as error:
        raise SetupError(str(error)) from error
    return model
