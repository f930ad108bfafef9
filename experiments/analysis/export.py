"""Export of the model of a run: weights, seed and mask, or ONNX."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import nn

from experiments.analysis.ranks_only import require_ranks
from experiments.config import Config
from experiments.records import RunDirectory, meaningless
from experiments.records.atomic_files import write_atomically
from experiments.records.model_inputs import ModelInputs, inputs_from, inputs_of
from experiments.rounds.resuming import refuse_other_model
from experiments.setup.data import load_data
from experiments.setup.trainer import make_trainer
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
    inputs = _inputs(directory, config)
    trainer = make_trainer(config, inputs.shape, "none")
    refuse_other_model(config.model.name, trainer.initial, directory, checkpoint)
    trainer.load(checkpoint.state)
    module = copy.deepcopy(trainer.module).cpu().eval()
    detach(module)
    about = About(
        form="mask" if form == "mask" else "weights",
        model=config.model.name,
        seed=config.seed,
        **inputs._asdict(),
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


def _inputs(directory: RunDirectory, config: Config) -> ModelInputs:
    """Return what is on record of the data; of an older record, what the data say."""
    identity = directory.identity()
    kept = inputs_from(identity.about) if identity else None
    if kept is None:
        dataset = load_data(config)
        directory.refuse_other_data(dataset.fingerprint)
        kept = inputs_of(dataset)
    return kept


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
