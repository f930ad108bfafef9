"""Client apps that fail; in a module of their own, so that workers can import them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from experiments.resident import resident
from frl.messages import read_task, reply_content

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train, unless a file in ``$FRL_FAULTS`` says otherwise.

    ``raise-CLIENT``: raise. ``die-CLIENT``: kill the process and remove the file. ``hang-CLIENT``:
    never answer.
    """
    task = read_task(message)
    folder = Path(os.environ["FRL_FAULTS"])
    if (folder / f"raise-{task.client}").exists() or (folder / "raise-all").exists():
        raise ValueError(f"no luck for client {task.client}")
    if (folder / f"die-{task.client}").exists():
        (folder / f"die-{task.client}").unlink()
        os.kill(os.getpid(), 9)
    if (folder / f"hang-{task.client}").exists():
        time.sleep(600)
    update, report = resident(context.run_config).answer(message, context.state)
    return Message(reply_content(update, report), reply_to=message)
