"""Export of the model of a run: weights, seed and mask, or ONNX."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import nn

from experiments.analysis.ranks_only import require_ranks
from experiments.records import RunDirectory, meaningless
from experiments.records.atomic_files import write_atomically
from experiments.rounds.resuming import refuse_others
from experiments.setup import Setup
from frl.errors import InputError, StoppedError, unknown
from frl.exchange.messages import digest
from frl.model_file import About, pack_model
from frl.training.supermask import detach

Format: TypeAlias = Literal["weights", "mask", "onnx"]
FORMATS = {
    "weights": "float32, those outside the mask 0",
    "mask": "a seed and one bit an edge",
    "onnx": "for other runtimes",
}


class Exported(NamedTuple):
    """The file that was written."""

    path: str
    format: str
    bytes: int
    about: About


def export(run: Path, output: Path, form: str = "") -> Exported:
    """Write the model of a run's last checkpoint to a file.

    Parameters
    ----------
    run : Path
        Run directory; the run need not have ended.
    output : Path
    form : {"", "weights", "mask", "onnx"}
        By default what the suffix says: ``onnx`` for ``.onnx``, else ``weights``.

    Raises
    ------
    InputError
        If there is no checkpoint, the form is unknown, or the run's model cannot take it.
    """
    form = form or ("onnx" if output.suffix == ".onnx" else "weights")
    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    directory = RunDirectory(run)
    config = directory.config()
    if why := meaningless(directory):
        raise InputError(f"{run} means nothing: {why}")
    checkpoint = directory.checkpoint()
    if checkpoint is None:
        raise InputError(f"{run} has no checkpoint yet")
    if form == "mask":
        require_ranks(config, "--format mask")
    setup = Setup(config)
    dataset = setup.data
    refuse_others(setup, directory, checkpoint)
    setup.trainer.load(checkpoint.state)
    module = copy.deepcopy(setup.trainer.module).cpu().eval()
    detach(module)
    about = About(
        form="mask" if form == "mask" else "weights",
        model=config.model.name,
        example=list(dataset.shape.example),
        classes=dataset.classes,
        seed=config.seed,
        mean=list(dataset.mean),
        std=list(dataset.std),
        round=checkpoint.round,
        accuracy=_accuracy(directory, checkpoint.round),
        digest=digest(checkpoint.state),
    )
    content = _onnx(module, about) if form == "onnx" else pack_model(module, about)
    try:
        write_atomically(output, content)
    except StoppedError as error:
        raise InputError(f"-o {output}: {error}") from None
    return Exported(str(output), form, len(content), about)


def _accuracy(directory: RunDirectory, round: int) -> float | None:
    rows = directory.rows()
    if len(rows) < round:
        raise InputError(f"{directory.path}: rounds.jsonl lacks the row of round {round}")
    found: float | None = rows[round - 1]["accuracy"]
    return found


def _onnx(module: nn.Module, about: About) -> bytes:
    """Write a network as ONNX, for batches of any size of normalised inputs."""
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise InputError(
            "--format onnx: takes the packages onnx and onnxscript "
            "(pip install 'federated-rank-learning[onnx]')"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            (torch.zeros(2, *about.example),),
            dynamo=True,
            input_names=["inputs"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    if program is None:
        raise InputError("--format onnx: torch made no ONNX program")
    proto = program.model_proto
    for key, value in about._asdict().items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, str(value)
    return bytes(proto.SerializeToString())
