"""The model of a run and what trains it, from its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from torch import nn

from experiments.config import Config
from experiments.config.tables import EngineConfig
from frl import models
from frl.errors import InputError
from frl.methods import Training
from frl.models import DataShape
from frl.training.ranks import Trainer

MakeModel: TypeAlias = Callable[..., nn.Module]
"""A module's class or a function, of no argument or of the :class:`frl.models.DataShape`."""


def make_module(config: Config, shape: DataShape, model: MakeModel | None = None) -> nn.Module:
    """Build the network of a configuration, or the one that stands in for it.

    Raises
    ------
    InputError
        If what is given makes no module.
    """
    if model is None:
        factory = partial(models.make, config.model.name, shape)
    elif not callable(model) or isinstance(model, nn.Module):
        raise InputError(
            f"model: got a {type(model).__name__}; takes a module's class, or a function"
        )
    else:
        factory = partial(model, *[shape] * _required(model))
    return models.build(factory, config.seed, shape.example)


def make_trainer(
    config: Config, shape: DataShape, augmentation: str, model: MakeModel | None = None
) -> Trainer:
    """Build what trains the network of a configuration, in the way of its method.

    Parameters
    ----------
    config : Config
    shape : DataShape
    augmentation : str
        What suits the training images.
    model : callable, optional
        In place of ``model.name``.
    """
    module = make_module(config, shape, model)
    device = check_device(config.engine.device)
    set_matmul_precision(config.engine)
    training = Training(
        config.train_settings(augmentation),
        seed=config.seed,
        keep=config.strategy.keep,
        mask_by=config.strategy.mask_by,
        coats=config.strategy.coats,
        binarised=config.strategy.binarised,
        weights=config.model.weights,
        device=device,
    )
    return config.strategy.method.trainer(module, training)


def check_device(device: str) -> str:
    """Return a device that this process can use.

    Raises
    ------
    InputError
        If torch does not know it or cannot reach it.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"engine.device: got {device!r}; {reason}") from None
    return device


def set_matmul_precision(engine: EngineConfig) -> None:
    """Use TF32 on CUDA only where a configuration asks for it.

    Raises
    ------
    InputError
        If it asks for it elsewhere.
    """
    wanted = engine.precision == "tf32"
    if torch.device(engine.device).type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = wanted
        torch.backends.cudnn.allow_tf32 = wanted
    elif wanted:
        raise InputError(
            f"engine.precision: 'tf32' is for CUDA, engine.device is {engine.device!r}"
        )


def _required(model: MakeModel) -> int:
    """Count the arguments that a model cannot be made without.

    Raises
    ------
    InputError
        If it is more than the one that there is.
    """
    takes = inspect.signature(model).parameters.values()
    needed = [p for p in takes if p.default is p.empty and p.kind not in _OPEN]
    if len(needed) > 1 or any(p.kind is p.KEYWORD_ONLY for p in needed):
        names = ", ".join(parameter.name for parameter in needed)
        raise InputError(f"model: {model!r} needs {names}; takes no argument, or a DataShape alone")
    return len(needed)


_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
