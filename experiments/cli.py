"""The command line: ``frl run``, ``resume``, ``sweep``, ``report``, ``plot`` and so on."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from typing import Annotated

import click
import typer

from experiments.commands.bench import bench
from experiments.commands.certify import certify
from experiments.commands.cost import cost
from experiments.commands.export import export
from experiments.commands.init import init
from experiments.commands.list import list_
from experiments.commands.options import PlainHelp, complain
from experiments.commands.redteam import redteam
from experiments.commands.report import plot, report
from experiments.commands.run import resume, run
from experiments.commands.show import show
from experiments.commands.sweep import sweep
from experiments.commands.view import view
from experiments.config.environment import be_quiet
from experiments.config.plain_letters import use_plain_letters

_HINT = "Did you mean"
DONE, STOPPED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="frl",
    help="Federated rank learning: clients send rankings, the server votes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
command = partial(app.command, cls=PlainHelp)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"frl {version('federated-rank-learning')}")
        raise typer.Exit


@app.callback()
def _frl(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit."),
    ] = False,
) -> None:
    """Federated rank learning: clients send rankings, the server votes."""


command(short_help="Write a configuration, an attack or a rule to start from.")(init)
command()(run)
command(short_help="Carry on a run that was stopped, or to more rounds.")(resume)
command(short_help="Run every point of a grid; done ones are kept.")(sweep)
command(short_help="Search for the attack that hurts a defence most.")(redteam)
command(short_help="Draw runs.")(plot)
command(short_help="Report accuracies, worst cases and comparisons.")(report)
command(short_help="Look at runs in a browser, live.")(view)
command(name="list", short_help="List what a configuration can name.")(list_)
app.add_typer(show)
command()(cost)
command(short_help="Prove how much of the mask M votes cannot move.")(certify)
command(short_help="Write the model of a run to a file.")(export)
command(short_help="Measure speed and memory, as ratios.")(bench)


def main() -> None:
    """Run the command line; an error is one line, and exit status 2 where the input is wrong."""
    be_quiet()
    use_plain_letters()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    from frl.errors import InputError, StoppedError

    try:
        status = app(standalone_mode=False)
    except InputError as error:
        complain(str(error))
        sys.exit(BAD_INPUT)
    except click.exceptions.NoArgsIsHelpError as error:
        typer.echo(error.format_message())
        sys.exit(BAD_INPUT)
    except click.NoSuchOption as error:
        complain(_option(error))
        sys.exit(BAD_INPUT)
    except click.ClickException as error:
        complain(error.message if _HINT in error.message else error.format_message())
        sys.exit(BAD_INPUT)
    except StoppedError as error:
        complain(str(error))
        sys.exit(STOPPED)
    except (KeyboardInterrupt, click.Abort):
        _leave(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(DONE)
    except (OSError, RecursionError, MemoryError) as error:
        complain(f"{type(error).__name__}: {error}")
        sys.exit(STOPPED)
    sys.exit(status if isinstance(status, int) else DONE)


def _option(error: click.NoSuchOption) -> str:
    """Say that a key of the configuration is no option, but is set with ``-o``."""
    from experiments.config.configuration import fields

    name = error.option_name.lstrip("-").replace("-", "_")
    keys = [key for key in fields() if name in (key, key.rpartition(".")[2])]
    if not keys:
        return error.format_message()
    return f"No such option {error.option_name}; takes -o {keys[0]}=…"


def _leave(status: int) -> None:
    """End at once: an interrupted Ray would keep the interpreter for minutes."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
