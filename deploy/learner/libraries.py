"""Whether this installation can learn; imports nothing of what it looks for."""

from importlib.util import find_spec

#: Of the extra `learn`, as they are imported.
LIBRARIES = ("lightgbm", "onnx", "scipy", "sklearn", "threadpoolctl")


def missing_line(libraries: tuple[str, ...] = LIBRARIES) -> str:
    """The line for the user where something of the extra `learn` is not installed, "" where all is."""
    missing = [name for name in libraries if find_spec(name) is None]
    if not missing:
        return ""
    return (
        f"nothing is learned by itself: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed: "
        "`make setup EXTRA=learn`, or pip install 'op-ecom[learn]'"
    )
