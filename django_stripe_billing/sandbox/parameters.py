"""Which parameters an operation takes, and of which type: `parameters.json` holds stripe-python's.

A client that names no Stripe-Version (the command line tool) may use some older words, one that
names an older version any parameter: what the schema knows is converted, they pass as they came.
"""

from __future__ import annotations

import functools
import json
import re
from importlib.resources import files
from typing import Any

from .errors import InvalidParameterError
from .older_versions import Tolerance, as_endive

Schema = dict[str, Any]

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?")
_BOOLEANS = {"true": True, "false": False}


NO_LONGER_TAKE_TYPES = {
    f"POST /v1/{kind}{rest}"
    for kind in ("payment_intents", "setup_intents")
    for rest in ("", "/{id}", "/{id}/confirm")
}
"""https://docs.stripe.com/changelog/endive"""


@functools.cache
def _tables() -> dict[str, Any]:
    source = files(__package__).joinpath("parameters.json")
    tables: dict[str, Any] = json.loads(source.read_text())
    return tables


def read(operation: str, given: dict[str, Any], *, tolerance: Tolerance) -> dict[str, Any]:
    """The parameters of a request, converted from form strings to their types.

    `''` unsets, where Stripe's types allow it, and is kept as ''. Raises InvalidParameterError.
    """
    fields = _tables()["operations"].get(operation)
    if fields is None:
        return given
    if tolerance is not Tolerance.NOTHING:
        given = as_endive(operation, given)
    elif "payment_method_types" in given and operation in NO_LONGER_TAKE_TYPES:
        raise InvalidParameterError(
            "The parameter payment_method_types is no longer supported.",
            code="payment_method_types_no_longer_supported",
            param="payment_method_types",
        )
    return _Reader(tolerance).fields(fields, given, at="")


class _Reader:
    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance

    def fields(self, fields: dict[str, Schema], given: Any, *, at: str) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise InvalidParameterError("Invalid object", param=at)
        result = {}
        for name, value in given.items():
            path = f"{at}[{name}]" if at else name
            if name not in fields:
                if not self._tolerance.passes_name(name):
                    raise InvalidParameterError(
                        f"Received unknown parameter: {path}", code="parameter_unknown", param=path
                    )
                result[name] = value
                continue
            result[name] = self.value(fields[name], value, at=path)
        for name, schema in fields.items():
            if schema.get("required") and name not in given:
                path = f"{at}[{name}]" if at else name
                raise InvalidParameterError(
                    f"Missing required param: {path}.", code="parameter_missing", param=path
                )
        return result

    def value(self, schema: Schema, value: Any, *, at: str) -> Any:
        if value == "" and schema.get("clears"):
            return ""
        read = getattr(self, f"_{schema['type']}")
        return read(schema, value, at)

    def _string(self, schema: Schema, value: Any, at: str) -> str:
        if not isinstance(value, str):
            raise InvalidParameterError(f"Invalid string: {at}", param=at)
        if value == "" and schema.get("required"):
            raise InvalidParameterError(
                f"You passed an empty string for '{at}'.", code="parameter_invalid_empty", param=at
            )
        return value

    def _boolean(self, schema: Schema, value: Any, at: str) -> bool:
        if not isinstance(value, str) or value not in _BOOLEANS:
            raise InvalidParameterError(f"Invalid boolean: {value}", param=at)
        return _BOOLEANS[value]

    def _integer(self, schema: Schema, value: Any, at: str) -> int:
        if not isinstance(value, str) or not _INTEGER.fullmatch(value):
            raise InvalidParameterError(
                f"Invalid integer: {value}", code="parameter_invalid_integer", param=at
            )
        return int(value)

    def _number(self, schema: Schema, value: Any, at: str) -> float:
        return float(self._decimal(schema, value, at))

    def _decimal(self, schema: Schema, value: Any, at: str) -> str:
        if not isinstance(value, str) or not _NUMBER.fullmatch(value):
            raise InvalidParameterError(f"Invalid decimal: {value}", param=at)
        return value

    def _enum(self, schema: Schema, value: Any, at: str) -> str:
        if value not in schema["values"] and not self._tolerance.passes_value(value):
            allowed = ", ".join(schema["values"])
            raise InvalidParameterError(f"Invalid {at}: must be one of {allowed}", param=at)
        return str(value)

    def _list(self, schema: Schema, value: Any, at: str) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidParameterError("Invalid array", param=at)
        return [
            self.value(schema["of"], entry, at=f"{at}[{index}]")
            for index, entry in enumerate(value)
        ]

    def _map(self, schema: Schema, value: Any, at: str) -> dict[str, Any]:
        if isinstance(value, list):  # keys that are numbers
            value = {str(index): entry for index, entry in enumerate(value)}
        if not isinstance(value, dict):
            raise InvalidParameterError("Invalid object", param=at)
        return {
            key: "" if entry == "" else self.value(schema["of"], entry, at=f"{at}[{key}]")
            for key, entry in value.items()
        }

    def _object(self, schema: Schema, value: Any, at: str) -> dict[str, Any]:
        return self.fields(_tables()["objects"][schema["fields"]], value, at=at)

    def _union(self, schema: Schema, value: Any, at: str) -> Any:
        for option in schema["of"]:
            try:
                return self.value(option, value, at=at)
            except InvalidParameterError as error:
                refusal = error
        raise refusal

    def _any(self, schema: Schema, value: Any, at: str) -> Any:
        return value
