"""Functions made from lists of field names, and from expressions: as fast as if each had been written out.

A worker and a writer do this for every update; `operator.attrgetter` takes a third longer.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, TypeVar

from msgspec import Struct

Made = TypeVar("Made", bound=Struct)


def compile_tuple_getter(
    paths: Iterable[str],
    written: Mapping[str, Callable[[Any], Any]] | None = None,
    optional: Collection[str] = (),
) -> Callable[[Any], tuple[Any, ...]]:
    """Compile a function that reads the attributes at these paths off an object, as a tuple.

    `a.b` is attribute `b` of its attribute `a`, and None where `a` is one of the `optional` attributes that may be
    None. `written` maps a path to the function that converts its value.
    """
    inner: dict[str, list[str]] = {}
    values: list[str] = []
    names: dict[str, Any] = {}
    for number, path in enumerate(paths):
        first, _, rest = path.partition(".")
        value = f"source.{path}"
        if rest:
            inner.setdefault(first, []).append(rest)
            value = f"inner_{first}.{rest}"
        if written and path in written:
            names[f"write_{number}"] = written[path]
            value = f"write_{number}({value})"
        values.append(f"{value},")
    lines = []
    for name, parts in inner.items():
        lines.append(f"inner_{name} = source.{name}")
        if name in optional:
            names[f"no_{name}"] = absent(parts)
            lines.append(f"if inner_{name} is None: inner_{name} = no_{name}")
    return _function(["source"], [*lines, f"return ({' '.join(values)})"], names)


def compile_tuple_setter(names: Sequence[str]) -> Callable[[Any, Sequence[Any]], None]:
    """Compile a function `(target, values)` that sets the attributes of these names, in their order; it raises
    ValueError where there are more or fewer values.
    """
    return _function(["target", "values"], [f"{''.join(f'target.{name}, ' for name in names)}= values"], {})


def absent(attributes: Iterable[str]) -> Any:
    """What stands for an object that is not there: each of these attributes is None."""
    return SimpleNamespace(**dict.fromkeys(attributes))


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


def compile_expression(parameters: Sequence[str], expression: str, names: Mapping[str, Any]) -> Callable[..., Any]:
    """Compile a function of these parameters that gives an expression over them and `names`.

    The expression is code: what a user has said may be in it as a value of `names` alone.
    """
    return _function(parameters, [f"return {expression}"], names)


def _function(parameters: Sequence[str], lines: Sequence[str], names: Mapping[str, Any]) -> Callable[..., Any]:
    scope: dict[str, Any] = dict(names)
    body = "\n    ".join(lines)
    exec(f"def function({', '.join(parameters)}):\n    {body}", scope)  # noqa: S102  names of our own fields
    made: Callable[..., Any] = scope["function"]
    return made
