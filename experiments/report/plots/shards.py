"""The labels in the shard of each client."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.records import RunDirectory
from experiments.report.plots import register
from experiments.report.plots.base import Options, Plot, Runs
from experiments.report.plots.style import COLOURS, MAP
from frl.errors import InputError


@register("shards")
class Shards(Plot):
    """Labels of each client's shard in one run, made again from its configuration."""

    def draw(self, runs: Runs, options: Options) -> Figure:
        """Draw the share of each label, and how many examples there are."""
        if not runs.directories:
            raise InputError("nothing to draw: there is no run")
        # Here, because these need torch, which no other picture waits for.
        from experiments.setup.setup import Setup
        from experiments.setup.shard_labels import shard_labels

        directory = RunDirectory(runs.directories[0])
        config = directory.config()
        setup = Setup(config)
        directory.refuse_other_data(setup.data.fingerprint)
        dataset, partition = setup.data, setup.partition
        found = shard_labels(dataset, partition)
        how = f"{config.data.partition}"
        if config.data.partition == "dirichlet":
            how += f", alpha {config.data.alpha:g}"
        few = "" if len(found.clients) == config.clients else f"{len(found.clients)} of "
        title = f"{dataset.name}, {how}, seed {config.seed}: {few}{config.clients} clients"
        return _drawn(found.counts, title)


def _drawn(counts: NDArray[np.int64], title: str) -> Figure:
    order = np.lexsort((counts.sum(axis=1), counts.argmax(axis=1)))
    counts = counts[order]
    sizes = counts.sum(axis=1)
    figure = Figure(figsize=(7.2, 2.2 + 0.2 * counts.shape[1]), layout="constrained")
    above, below = figure.subplots(
        2, sharex=True, height_ratios=[1, max(1.4, 0.17 * counts.shape[1])]
    )
    above.bar(np.arange(len(sizes)), sizes, width=0.9, color=COLOURS[0])
    above.set_ylabel("examples")
    above.set_title(title, loc="left", fontsize=10)
    shares = 100 * counts / np.maximum(1, sizes)[:, None]
    image = below.imshow(
        shares.T, cmap=MAP, vmin=0, aspect="auto", interpolation="nearest", origin="lower"
    )
    below.set_yticks(range(0, counts.shape[1], max(1, counts.shape[1] // 10)))
    below.set_ylabel("label")
    below.set_xlabel("clients, by their most frequent label")
    below.set_xticks([])
    below.grid(visible=False)
    figure.colorbar(image, ax=below, label="share of shard (%)", pad=0.01)
    return figure
