"""Client apps that fail; in a module of their own, so that workers can import them."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import torch
from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from experiments.setup.resident import resident
from frl.exchange.messages import read_task, reply_content

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train, unless a file in ``$FRL_FAULTS`` says otherwise.

    ``raise-CLIENT``: raise. ``die-CLIENT``: kill the process and remove the file. ``hang-CLIENT``:
    never answer. ``limit-CLIENT``: ask for more memory than there may be. ``swell-CLIENT``: take
    more and more memory, and remove the file; ``swell-always-CLIENT``: without removing it.
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
    if (folder / f"limit-{task.client}").exists():
        allocate_over_the_limit()
    if (folder / f"swell-{task.client}").exists():
        (folder / f"swell-{task.client}").unlink()
        swell()
    if (folder / f"swell-always-{task.client}").exists():
        swell()
    update, report = resident(context.run_config).answer(message, context.state)
    return Message(reply_content(update, report), reply_to=message)


def allocate_over_the_limit() -> None:
    """Let the system refuse an allocation: 4 GB where this process may have 1 GB more."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 1_000_000_000, hard))
    try:
        torch.ones(1_000_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def swell() -> None:
    """Say who this is, take 2 GB bit by bit, and wait to be killed."""
    (Path(os.environ["FRL_FAULTS"]) / f"swells-{os.getpid()}").touch()
    held = []
    for _ in range(80):
        held.append(torch.ones(6_250_000))
        time.sleep(0.01)
    time.sleep(600)
