"""Attributes that are made when they are first asked for: a unit has many stores and uses two or three."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Made = TypeVar("Made")


class lazily(Generic[Made]):  # noqa: N801  (reads as the decorator that it is)
    """Like ``functools.cached_property``, without its lock: an object of one task needs none."""

    def __init__(self, make: Callable[[Any], Made]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, owner: None, kind: type[Any]) -> Self: ...

    @overload
    def __get__(self, owner: object, kind: type[Any]) -> Made: ...

    def __get__(self, owner: object | None, kind: type[Any]) -> Self | Made:
        if owner is None:
            return self
        made = owner.__dict__[self._name] = self._make(owner)
        return made
