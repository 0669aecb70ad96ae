"""Why a run of faults gives no figures."""

from deploy.errors import SetupError


class ChaosError(SetupError):
    """The run could not be made or judged; the text is one line for the user."""

    exit_code = 1
