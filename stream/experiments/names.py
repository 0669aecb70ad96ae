"""The names that definitions of experiments and interventions are made of."""

from typing import Annotated

from msgspec import Meta

from ingest.events import InterventionName

ExperimentName = InterventionName
#: The same, or none.
OptionalExperiment = Annotated[str, Meta(pattern=r"^([a-z0-9][a-z0-9_-]{0,31})?$(?!\n)")]
ArmName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,23}$(?!\n)")]
SiteName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$(?!\n)")]
#: Of a layer or a hold-out: 16 hexadecimal digits, drawn once.
Salt = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$(?!\n)", max_length=16)]
ModelVersionName = Annotated[str, Meta(max_length=64)]
