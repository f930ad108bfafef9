"""One spelling for one meaning: the parameters of what a table names are keys of the table.

``rule = "trimmed_position(f=2)"`` and ``rule = "trimmed_position"`` beside ``f = 2`` build the same
rule, so the first is read as the second; the same holds for attacks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from frl import methods
from frl.errors import InputError
from frl.registry.call_syntax import Call, parse_calls


def plain_attack(keys: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """Move the parameters in ``attack.name`` to keys of their own; a key that is given counts.

    Parameters
    ----------
    keys : mapping
        Of the table, without its name.
    own : collection of str
        Keys of the table itself, which no parameter can take over.
    """
    calls = _calls("attack.name", keys.get("name"))
    if len(calls) != 1:
        return dict(keys)
    stay, moved = _divided(calls[0], own)
    return {**keys, "name": str(stay), **{k: v for k, v in moved.items() if k not in keys}}


def plain_strategy(keys: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """Move the parameters in ``strategy.rule`` to keys of their own, and write steps evenly.

    A rule that is not named is that of the method, and written down as it is called today.

    ``f`` is the rule's where it is given there. A step of the pre-aggregation takes the key ``f``
    unless it has its own, so one that takes another number than the rule says so.
    """
    name = str(keys.get("name", "frl"))
    if not keys.get("rule") and name in methods.list():
        method = methods.make(name)
        keys = {**method.rule_parameters, **keys, "rule": method.rule}
    keys = {**keys, "rule": keys.get("rule", "")}
    steps = _calls("strategy.pre_aggregation", keys.get("pre_aggregation"))
    calls = _calls("strategy.rule", keys.get("rule"))
    plain, before = dict(keys), keys.get("f", 0)
    if len(calls) == 1:
        stay, moved = _divided(calls[0], set(own) - {"f"})
        f = moved.pop("f", before)
        if type(f) is int and f >= 0 and _rule_takes_f(stay.name):
            plain["f"] = f
        elif "f" in calls[0].params:
            stay.params["f"] = f
        given = {k: v for k, v in moved.items() if k not in keys}
        plain = {**plain, "rule": str(stay), **given}
    if not plain.get("f", 0) and "f" not in keys:
        plain.pop("f", None)
    if steps:
        after = plain.get("f", 0)
        plain["pre_aggregation"] = ", ".join(str(_step(step, before, after)) for step in steps)
    return plain


def _step(step: Call, before: Any, after: Any) -> Call:
    """Give a step its own ``f`` where it takes another number than the key says, only there."""
    from strategies import pre_aggregation

    try:
        takes = {parameter.name for parameter in pre_aggregation.parameters(step.name)}
    except InputError:
        return step
    if "f" not in takes:
        return step
    f = step.params.get("f", before)
    others = {key: value for key, value in step.params.items() if key != "f"}
    return Call(step.name, others if (type(f), f) == (type(after), after) else {**others, "f": f})


def _rule_takes_f(name: str) -> bool:
    from strategies import rules

    try:
        return "f" in {parameter.name for parameter in rules.parameters(name)}
    except InputError:
        return False


def _divided(call: Call, own: Collection[str]) -> tuple[Call, dict[str, Any]]:
    """Divide the parameters of a call into those that keep their place and those that move."""
    stay = {key: value for key, value in call.params.items() if key in own}
    return Call(call.name, stay), {k: v for k, v in call.params.items() if k not in own}


def _calls(key: str, text: Any) -> list[Call]:
    return parse_calls(key, text) if isinstance(text, str) else []
