"""``frl init``: a commented configuration, or an attack or a rule to start from."""

from __future__ import annotations

import keyword
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from experiments.commands.options import typed


def init(
    file: Annotated[Path | None, typer.Argument(help="To write; default: run.toml.")] = None,
    attack: Annotated[str, typer.Option(metavar="NAME", help="Write NAME.py, an attack.")] = "",
    rule: Annotated[str, typer.Option(metavar="NAME", help="Write NAME.py, a rule.")] = "",
) -> None:
    """Write a configuration with every key explained, or an attack or a rule to start from."""
    from experiments.config.commented import commented
    from frl.errors import InputError

    if sum(map(bool, (file, attack, rule))) > 1:
        raise InputError("init: takes one of FILE, --attack NAME and --rule NAME")
    if attack:
        path = _written(
            Path(f"{_name(attack)}.py"), _ATTACK.format(name=attack, made=_camel(attack))
        )
        use = f"-o attack.name={attack} -o attack.fraction=0.2"
        typer.echo(f"{path}\nnext     {typed(f'run -o plugins={attack} {use}')}")
    elif rule:
        path = _written(Path(f"{_name(rule)}.py"), _RULE.format(name=rule, made=_camel(rule)))
        use = f"-o plugins={rule} -o strategy.rule={rule}"
        typer.echo(f"{path}\nnext     {typed(f'run {use}')}")
    else:
        path = _written(file or Path("run.toml"), commented())
        typer.echo(f"{path}\nnext     {typed(f'run {path}')}")


def _name(name: str) -> str:
    import attacks
    from frl.errors import InputError
    from strategies import rules

    if not name.isascii() or not name.isidentifier() or keyword.iskeyword(name):
        raise InputError(f"init: got {name!r}; takes a name that Python can import")
    taken = name in attacks.list() or name in rules.list()
    if taken or (find_spec(name) is not None and not Path(f"{name}.py").exists()):
        raise InputError(f"init: got {name!r}; takes a name that no attack, rule or module has")
    return name


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_")) or "Mine"


def _written(path: Path, text: str) -> Path:
    from frl.errors import InputError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{path} exists already; it is left as it is") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    return path


_ATTACK = '''"""An attack of my own: what a malicious client sends instead of its honest ranking."""

from dataclasses import dataclass

import numpy as np

from attacks import Attack, register


@register("{name}")
@dataclass(frozen=True)
class {made}(Attack):
    """Move every edge by a share of the layer, round and round.

    Threat model: each malicious client knows its own honest ranking.

    Formula: ``p'[e] = (p[e] + floor(share n)) mod n``, for a layer of ``n`` edges.

    Parameters
    ----------
    share : float
        How far, in layers: ``-o attack.share=0.5``.
    """

    share: float = 0.25

    space = "ranks"
    formula = "p'[e] = p[e] + share n mod n"
    paper = "unpublished"

    def tamper(self, update, view, rng):
        """Change the honest ranking of one client: int32 positions by layer, 0 the worst edge.

        ``view`` says what the attacker knows (round, client, the ranking the round began with);
        ``rng`` is the only source of randomness.
        """
        return {{
            layer: ((ranks + int(self.share * ranks.size)) % ranks.size).astype(np.int32)
            for layer, ranks in update.items()
        }}
'''

_RULE = '''"""A rule of my own: what the server makes of the rankings of a round."""

from dataclasses import dataclass

from strategies.rules import register
from strategies.rules.base import Aggregate, Rule


@register("{name}")
@dataclass(frozen=True)
class {made}(Rule):
    """Rank edges by the sum of their positions.

    One client moves the sum of an edge by at most ``n - 1``, in a layer of ``n`` edges.
    """

    space = "ranks"
    formula = "Σ p_i[e]"
    breakdown = "not known"
    cost = "O(n d)"
    influence = "n_l - 1 on an edge"
    paper = "unpublished"

    def _combine(self, updates, context, state):
        """Return what edges are ranked by: a larger value is a better edge.

        ``updates`` has a row a client and a column an edge (int32 positions); ``context`` holds
        clients, layers, round and the ranking the round began with; ``state`` is what the last
        round handed on.
        """
        return Aggregate(updates.sum(dim=0), {{}})
'''
