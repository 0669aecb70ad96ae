"""Why a benchmark gives no figures."""

from deploy.errors import SetupError


class BenchError(SetupError):
    """The run went wrong, so there is no figure; the text is one line for the user."""

    exit_code = 1
