"""Builds the models that score: one per version in force, loaded once; and the one that answers predictions."""

import logging
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from threading import Lock, Thread
from time import monotonic

import numpy as np

from deploy.errors import SetupError
from deploy.settings.model import ScoringSettings
from scoring.folder import Place, RegistryError, place
from scoring.model import Model
from scoring.promotions import promotions
from scoring.registry import SHIPPED, current, is_seeded, load, seed
from stream.step import ModelLoader

log = logging.getLogger(__name__)

#: Seconds between two looks at which version is current: in a folder, and at a URL.
LOOK_EVERY, LOOK_FAR_EVERY = 1.0, 15.0


def registry(scoring: ScoringSettings) -> Place:
    """The folder of versions; raises RegistryError for a URL that cannot be one.

    Where none is named, it is `models` in the data folder, or the shipped one until something was put there. So it is
    looked up each time: a running part finds what was trained after it started.
    """
    if scoring.registry:
        return place(scoring.registry)
    own = scoring.own_registry
    return own if own is not None and is_seeded(own) else SHIPPED


def writable_registry(scoring: ScoringSettings) -> Place:
    """The same, for whoever trains, promotes or compares: one's own folder is made, with the shipped version in it."""
    own = scoring.own_registry
    if not scoring.registry and own is not None:
        seed(own)
    return registry(scoring)


def models(scoring: ScoringSettings, log: str = "") -> ModelLoader:
    """The model of a version; the empty version is the one that scores on `log` until it names another.

    That is the one before the log's first promotion, so that a promotion does not change what was before it; without
    one, the version that the settings name, else the registry's current one. It is loaded now, so that a wrong one is
    refused at the start: raises SetupError.
    """
    try:
        folder = registry(scoring)
        recorded = promotions(folder, log)
        default = recorded[0].before if recorded else scoring.model or current(folder)
    except RegistryError as error:
        raise SetupError(str(error)) from error

    @lru_cache(maxsize=64)
    def model(version: str) -> Model:
        return load(registry(scoring), version or default)

    try:
        model("")
    except RegistryError as error:
        raise SetupError(str(error)) from error
    return model


class CurrentModel:
    """The model that answers predictions: the version that the settings name, else the registry's current one.

    A promotion changes it within LOOK_EVERY seconds, or LOOK_FAR_EVERY; a current version that cannot be used changes
    nothing. What is at a URL is looked at aside, so that no request waits for the network.
    """

    def __init__(self, scoring: ScoringSettings) -> None:
        """Raises SetupError where there is no model to begin with."""
        self._pinned = scoring.model
        self._looked = monotonic()
        try:
            self._scoring = scoring
            self._model = _warm(load(self.folder, self._pinned))
        except RegistryError as error:
            raise SetupError(str(error)) from error
        self._refused = ""

    @property
    def folder(self) -> Place:
        """The registry, which may be another one from the first training on."""
        return registry(self._scoring)

    def __call__(self) -> Model:
        """The model that answers now."""
        now = monotonic()
        here = isinstance(self.folder, Path)
        if not self._pinned and now - self._looked >= (LOOK_EVERY if here else LOOK_FAR_EVERY):
            self._looked = now
            if here:
                self._look()
            else:
                Thread(target=self._look, name="registry", daemon=True).start()
        return self._model

    def _look(self) -> None:
        version = ""
        try:
            version = current(self.folder)
            if version not in (self._model.manifest.version, self._refused):
                self._model = _warm(load(self.folder, version))
                log.info("predictions are by model %s from here on", version)
        except RegistryError as error:
            self._refused = version
            log.error("predictions go on by model %s: %s", self._model.manifest.version, error)


class ChosenModels:
    """Models of versions that somebody asks predictions of; the newest asked for stay loaded."""

    #: How many.
    KEPT = 4

    def __init__(self, current: CurrentModel) -> None:
        self._current = current
        self._loaded: OrderedDict[str, Model] = OrderedDict()
        self._lock = Lock()

    def __call__(self, version: str) -> Model:
        """That version's model; raises RegistryError where it is not there or cannot be used."""
        with self._lock:
            found = self._loaded.pop(version, None) or _warm(load(self._current.folder, version))
            self._loaded[version] = found
            if len(self._loaded) > self.KEPT:
                self._loaded.popitem(last=False)
        return found


def _warm(model: Model) -> Model:
    """The model after its first run, which takes milliseconds."""
    model.score(np.array([model.manifest.reference_row], np.float32))
    return model
