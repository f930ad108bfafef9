"""A Flower app that knows nothing of this project: clients walk to a point of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import Mod
from flwr.serverapp import strategy as flower
from flwr.serverapp.strategy import FedAvg, Strategy

from frl.grids import InProcessGrid

CLIENTS = 9
WEIGHTS: dict[str, np.ndarray] = {
    "layer.weight": np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4),
    "scale": np.array(0.5, dtype=np.float32),
    "wide": np.linspace(0, 2, 5, dtype=np.float64),
    "half": np.linspace(-1, 0, 4, dtype=np.float16),
}
BUFFERS: dict[str, np.ndarray] = {
    "norm.running_mean": np.zeros(3, dtype=np.float32),
    "norm.running_var": np.ones(3, dtype=np.float32),
    "norm.num_batches_tracked": np.array(0, dtype=np.int64),
    "mask": np.array([True, False]),
    "nothing": np.zeros((0, 3), dtype=np.float32),
}
INNER: dict[str, Callable[[], FedAvg]] = {
    "FedAvg": flower.FedAvg,
    "FedProx": lambda: flower.FedProx(proximal_mu=0.1),
    "FedAdam": lambda: flower.FedAdam(eta=0.05),
    "FedYogi": lambda: flower.FedYogi(eta=0.05),
    "FedAvgM": lambda: flower.FedAvgM(server_momentum=0.9, server_learning_rate=0.5),
    "FedAdagrad": lambda: flower.FedAdagrad(eta=0.05),
    "QFedAvg": lambda: flower.QFedAvg(client_learning_rate=0.1, q=0.0),
}
Evil = Callable[[Message, RecordDict], Message]


def record(arrays: dict[str, Any]) -> ArrayRecord:
    return ArrayRecord({name: Array(np.asarray(values)) for name, values in arrays.items()})


def trained(sent: dict[str, np.ndarray], client: int) -> dict[str, np.ndarray]:
    """Half of the way to a point of the client's own; buffers as if a batch norm had run."""
    rng = np.random.default_rng(client)
    moved: dict[str, np.ndarray] = {}
    for name, values in sent.items():
        aim = rng.normal(1.0, 0.2, values.shape)
        if values.dtype.kind == "f":
            new = abs(aim) if name.endswith("running_var") else values + 0.5 * (aim - values)
            moved[name] = np.asarray(new, dtype=values.dtype)
        else:
            moved[name] = (
                values if values.dtype == bool else np.asarray(values + 10, dtype=values.dtype)
            )
    return moved


def content(message: Message, client: int) -> RecordDict:
    sent = cast(ArrayRecord, message.content["arrays"])
    arrays = trained({name: array.numpy() for name, array in sent.items()}, client)
    told = MetricRecord(
        {"num-examples": 10 + client, "train_loss": 0.5, "curve": [1.0, 0.1 * client]}
    )
    return RecordDict({"arrays": record(arrays), "metrics": told})


def client_app(evil: dict[int, Evil] | None = None, mods: Sequence[Mod] = ()) -> ClientApp:
    """The app; ``evil`` is what some clients reply instead of what they would."""
    app = ClientApp(mods=list(mods))

    def answer(message: Message, context: Context) -> Message:
        client = int(context.node_config["partition-id"])
        good = content(message, client)
        if message.metadata.message_type == "evaluate":
            good = RecordDict({"metrics": good["metrics"]})
        other = (evil or {}).get(client)
        return other(message, good) if other else Message(good, reply_to=message)

    app.train()(answer)
    app.evaluate()(answer)
    return app


def run(
    strategy: Strategy,
    state: dict[str, np.ndarray],
    evil: dict[int, Evil] | None = None,
    rounds: int = 3,
) -> tuple[dict[str, np.ndarray], Any]:
    """The state after some rounds, and Flower's result."""
    grid = InProcessGrid(client_app(evil), CLIENTS)
    result = strategy.start(grid, record(state), num_rounds=rounds, train_config=ConfigRecord())
    return {name: array.numpy() for name, array in result.arrays.items()}, result
