"""Functions made from lists of field names: as fast as if each name had been written out.

A worker and a writer do this for every update; `operator.attrgetter` takes a third longer.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

Made = TypeVar("Made", bound=Struct)


def compile_tuple_getter(
    paths: Iterable[str], written: Mapping[str, Callable[[Any], Any]] | None = None
) -> Callable[[Any], tuple[Any, ...]]:
    """Compile a function that reads the attributes at these paths off an object, as a tuple.

    `a.b` is attribute `b` of its attribute `a`. `written` maps a path to the function that converts its
    value.
    """
    inner: dict[str, None] = {}
    values, names = [], {}
    for number, path in enumerate(paths):
        first, _, rest = path.partition(".")
        value = f"source.{path}"
        if rest:
            inner[first] = None
            value = f"inner_{first}.{rest}"
        if written and path in written:
            names[f"write_{number}"] = written[path]
            value = f"write_{number}({value})"
        values.append(f"{value},")
    lines = [f"inner_{name} = source.{name}" for name in inner]
    return _function(["source"], [*lines, f"return ({' '.join(values)})"], names)


def compile_struct_builder(
    made: type[Made], fields: Sequence[str], given: Sequence[str], attributes: Mapping[str, str] = {}
) -> Callable[..., Made]:
    """Compile a function `(source, *given)` that makes a struct: `given` are arguments, the other `fields` attributes.

    `attributes` names those that have another name, or path, than their field. Fields go by position, in their order;
    what is given beyond them goes by keyword, which takes longer.
    """
    values = [name if name in given else f"source.{attributes.get(name, name)}" for name in fields]
    values += [f"{name}={name}" for name in given if name not in fields]
    return _function(["source", *given], [f"return made({', '.join(values)})"], {"made": made})


def _function(parameters: Sequence[str], lines: Sequence[str], names: Mapping[str, Any]) -> Callable[..., Any]:
    scope: dict[str, Any] = dict(names)
    body = "\n    ".join(lines)
    exec(f"def function({', '.join(parameters)}):\n    {body}", scope)  # noqa: S102  names of our own fields
    made: Callable[..., Any] = scope["function"]
    return made
