"""Hundreds of tests make an app of their own: what each would compile anew is compiled once a process.

Of a test that signs in and looks at a page more than half went into the templates (a third) and the builders of
routes (a quarter). Both depend on nothing but their source.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import jinja2
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class InMemory(jinja2.BytecodeCache):
    """Jinja compares the checksum of the source itself."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if (code := self._kept.get(bucket.key)) is not None:
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


_BUILDERS: dict[tuple[Any, ...], Callable[..., Any]] = {}


def _builder_of(compile_: Callable[..., Callable[..., Any]]) -> Callable[..., Callable[..., Any]]:
    def known(self: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        key = (self.rule, self.subdomain, self.host, repr(self.defaults), append_unknown)
        if key not in _BUILDERS:
            _BUILDERS[key] = compile_(self, append_unknown)
        return _BUILDERS[key]

    return known


def install() -> None:
    """For this process."""
    flask.Flask.jinja_options = {**flask.Flask.jinja_options, "bytecode_cache": InMemory()}
    Rule._compile_builder = _builder_of(Rule._compile_builder)  # type: ignore[method-assign]  # no other place to stand
