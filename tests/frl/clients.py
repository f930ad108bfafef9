"""Client apps for tests of engines; in a module of their own, so that workers can import them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Reply with the state plus the client id; some clients misbehave as the run config says."""
    client = int(context.node_config["partition-id"])
    config = context.run_config
    if client == config.get("raises"):
        raise ValueError(f"boom in client {client}")
    if client == config.get("exits"):
        sys.exit(3)
    if client == config.get("hoards"):
        raise MemoryError("no memory left")
    if client == config.get("sleeps"):
        time.sleep(60)
    if client == config.get("dies"):
        marker = Path(str(config["marker"]))
        if config.get("always") or not marker.exists():
            marker.touch()
            os._exit(9)
    seen = context.state.get("seen", MetricRecord({"times": 0}))
    context.state["seen"] = MetricRecord({"times": seen["times"] + 1})
    state = message.content["arrays"]["positions"].numpy()
    if "inflates" in config:
        state = np.zeros(int(config["inflates"]) // 4, dtype=np.int32)
    content = RecordDict(
        {
            "arrays": ArrayRecord({"positions": Array(state + np.int32(client))}),
            "metrics": MetricRecord(
                {"client": client, "pid": os.getpid(), "times": context.state["seen"]["times"]}
            ),
        }
    )
    return Message(content, reply_to=message)
