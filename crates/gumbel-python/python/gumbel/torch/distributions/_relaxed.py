"""What the distributions share: sampling with noise, and being Pyro's where Pyro is in use."""

import sys
from functools import cache
from typing import Any, Self

import torch
from torch import Tensor
from torch.types import _size

from .._noise import NoiseLike


class Relaxed:
    """A distribution that takes noise, and that Pyro can sample if it has been imported. This never imports it.

    Pyro's distributions are PyTorch's with a mixin. Where Pyro is in use, an instance is one of a subclass that is made
    here: of the
    class that was asked for and of Pyro's class of that name.
    """

    def __new__(cls, *_: Any, **__: Any) -> Self:
        adapted: type[Self] = _adapted(cls)
        return super().__new__(adapted)

    def rsample(self, sample_shape: _size = torch.Size(), *, noise: NoiseLike = None) -> Tensor:
        """A differentiable sample: sample_shape + batch_shape + event_shape."""
        raise NotImplementedError

    def sample(self, sample_shape: _size = torch.Size(), *, noise: NoiseLike = None) -> Tensor:
        """The sample of `rsample`, without a gradient."""
        with torch.no_grad():
            return self.rsample(sample_shape, noise=noise)

    def expand(self, batch_shape: _size, _instance: Any = None) -> Any:
        """The distribution with a larger batch; its parameters are expanded, not copied."""
        new = self.__new__(type(self)) if _instance is None else _instance
        return super().expand(batch_shape, _instance=new)  # type: ignore[misc]

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickles name the class that was asked for, and load with or without Pyro.
        cls = next(cls for cls in type(self).__mro__ if "_adapts" not in vars(cls))
        return _blank, (cls,), self.__dict__


def _blank(cls: type[Relaxed]) -> Relaxed:
    return cls.__new__(cls)


def _adapted(cls: type[Any]) -> type[Any]:
    """The class that Pyro can sample, or the class itself without Pyro and in compiled code, which cannot make classes."""
    if torch.compiler.is_compiling():
        return cls
    mixin: Any = getattr(sys.modules.get("pyro.distributions.torch_distribution"), "TorchDistributionMixin", None)
    # Pyro may be half imported, and what is a subclass of Pyro's class already has the mixin.
    if mixin is None or not hasattr(sys.modules.get("pyro"), "sample") or issubclass(cls, mixin):
        return cls
    return _with_mixin(cls, mixin)  # type: ignore[arg-type]


@cache
def _with_mixin(cls: type[Any], mixin: Any) -> type[Any]:
    distributions = sys.modules["pyro.distributions"]
    named: Any = (getattr(distributions, base.__name__, None) for base in cls.__mro__)
    theirs: Any = next((base for base in named if isinstance(base, type) and issubclass(base, mixin)), mixin)
    if issubclass(theirs, cls):
        # PyTorch's class had been replaced by this one when Pyro made its own of it.
        adapted: type[Any] = theirs
        return adapted
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__, "_adapts": cls}
    adapted = type(theirs)(cls.__name__, (cls, theirs), names)
    return adapted
