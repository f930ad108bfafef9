"""Saving the network that a script trained."""

from __future__ import annotations

import os
from pathlib import Path

from frl.app.agreement import FRLResult
from frl.app.network import model_name
from frl.errors import InputError
from frl.exchange.messages import digest, read_arrays
from frl.model_file import About, Form, pack_model
from frl.training.supermask import detach


def save(result: object, path: str | Path, *, form: Form = "weights") -> None:
    """Write the trained network as a safetensors file.

    Its tensors are those of the plain module, so that
    ``module.load_state_dict(safetensors.torch.load_file(path))`` reads it without this project; or
    see :func:`frl.load_model`, which also takes the form ``"mask"``.

    Parameters
    ----------
    result : Result
        Of the ``start`` of one of our strategies, on one of our grids.
    path : str or Path
    form : {"weights", "mask"}
        Float32 weights, or one bit an edge for rankings.

    Raises
    ------
    InputError
        If the result is no such one, or no round led to a state.
    """
    if form not in ("weights", "mask"):
        raise InputError(f"form: got {form!r}; takes 'weights' or 'mask'")
    if not isinstance(result, FRLResult) or result.app is None:
        raise InputError(
            f"save: got a {type(result).__name__} that does not say what network it is of; takes "
            "that of the start of one of our strategies, on a grid of an frl.client_app"
        )
    if not result.arrays:
        raise InputError("save: no round led to a state; every one of them kept the first")
    app, state = result.app, read_arrays(result.arrays)
    if form == "mask" and app.network.space != "ranks":
        raise InputError("form: 'mask' is for rankings; takes 'weights' for weights")
    trainer = app.network.trainer(result.seed)
    trainer.load(state)
    if app.network.space == "ranks":
        detach(trainer.module)
    channels = app.example[0]
    measured = result.evaluate_metrics_serverapp
    last = max(result.train_metrics_clientapp, default=0)
    accuracy = measured[last].get("accuracy") if last in measured else None
    about = About(
        form=form,
        model=model_name(app.network.model),
        example=list(app.example),
        classes=app.classes,
        seed=result.seed,
        mean=[0.0] * channels,
        std=[1.0] * channels,
        round=last,
        accuracy=float(accuracy) if isinstance(accuracy, int | float) else None,
        digest=digest(state),
    )
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(pack_model(trainer.module, about))
    os.replace(part, target)
