"""The command line: ``frl run``, ``resume``, ``sweep``, ``report``, ``plot`` and so on."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial

import typer

from experiments.commands.bench import bench
from experiments.commands.certify import certify
from experiments.commands.cost import cost
from experiments.commands.export import export
from experiments.commands.help import PlainHelp
from experiments.commands.list import list_
from experiments.commands.options import complain
from experiments.commands.plain_letters import use_plain_letters
from experiments.commands.redteam import redteam
from experiments.commands.report import plot, report
from experiments.commands.run import resume, run
from experiments.commands.sweep import sweep
from experiments.config.environment import be_quiet

DONE, STOPPED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="frl",
    help="Federated rank learning: clients send rankings, the server votes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
command = partial(app.command, cls=PlainHelp)
command()(run)
command()(resume)
command()(sweep)
command()(redteam)
command()(plot)
command()(report)
command(name="list")(list_)
command()(cost)
command()(certify)
command()(export)
command()(bench)


def main() -> None:
    """Run the command line; an error is one line, and exit status 2 where the input is wrong."""
    be_quiet()
    use_plain_letters()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    import click

    from frl.errors import InputError, StoppedError

    try:
        status = app(standalone_mode=False)
    except InputError as error:
        complain(str(error))
        sys.exit(BAD_INPUT)
    except click.exceptions.NoArgsIsHelpError as error:
        typer.echo(error.format_message())
        sys.exit(BAD_INPUT)
    except click.ClickException as error:
        complain(error.format_message())
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


def _leave(status: int) -> None:
    """End at once: an interrupted Ray would keep the interpreter for minutes."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
