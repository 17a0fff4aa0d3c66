"""Distributions that are Pyro's too where Pyro is in use, and never import it."""

import sys
from functools import cache
from typing import Any, Self


class Adaptable:
    """A distribution that Pyro can sample, if Pyro has been imported.

    Pyro's distributions are PyTorch's with a mixin. An instance is then one of a subclass that is made here, of the class that was
    asked for and of Pyro's class of that name.
    """

    def __new__(cls, *_: Any, **__: Any) -> Self:
        return super().__new__(_adapted(cls))

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickles name the class that was asked for, and load with or without Pyro.
        cls = next(cls for cls in type(self).__mro__ if "_adapts" not in vars(cls))
        return _blank, (cls,), self.__dict__


def _blank(cls: type[Adaptable]) -> Adaptable:
    return cls.__new__(cls)


def _adapted(cls: type) -> type:
    module = sys.modules.get("pyro.distributions.torch_distribution")
    mixin = getattr(module, "TorchDistributionMixin", None)
    # Pyro may be half imported, and what subclasses Pyro's class has all of it.
    ready = mixin is not None and hasattr(sys.modules.get("pyro"), "sample")
    return _with_mixin(cls, mixin) if ready and not issubclass(cls, mixin) else cls


@cache
def _with_mixin(cls: type, mixin: type) -> type:
    distributions = sys.modules["pyro.distributions"]
    named = (getattr(distributions, base.__name__, None) for base in cls.__mro__)
    theirs: type = next((base for base in named if isinstance(base, type) and issubclass(base, mixin)), mixin)
    if issubclass(theirs, cls):
        # PyTorch's class had been replaced by this one when Pyro made its own of it.
        return theirs
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__, "_adapts": cls}
    adapted: type = type(theirs)(cls.__name__, (cls, theirs), names)
    return adapted
