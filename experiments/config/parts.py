"""Early look-up of the parts that a configuration names, without importing torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.config.tables import AttackConfig, DataConfig, ModelConfig, StrategyConfig
from frl.errors import unknown
from frl.registry import Registry
from frl.registry.call_syntax import parse_call, parse_calls

NO_ATTACK = "none"


def check_parts(
    data: DataConfig, model: ModelConfig, strategy: StrategyConfig, attack: AttackConfig
) -> None:
    """Refuse a name that nothing has, and a parameter that what is named does not take.

    Raises
    ------
    InputError
        If there is one.
    """
    import attacks
    from frl import models
    from frl.data.partitions import KINDS
    from strategies import pre_aggregation, rules

    if ":" in model.name:
        models.get(model.name)
    elif model.name not in models.list():
        raise unknown("model.name", model.name, models.list())
    if data.partition not in KINDS:
        raise unknown("data.partition", data.partition, KINDS)
    for call in parse_calls("strategy.rule", strategy.rule)[:1]:
        _check(rules.registry, call.name, {**call.params, **strategy.parameters()}, strategy.f)
    for call in parse_calls("strategy.pre_aggregation", strategy.pre_aggregation):
        _check(pre_aggregation.registry, call.name, call.params, strategy.f)
    call = parse_call("attack.name", attack.name, "one attack, or none")
    if call.name != NO_ATTACK:
        attacks.registry.check(call.name, {**call.params, **attack.parameters()})


def _check(registry: Registry[Any], name: str, params: Mapping[str, Any], f: int) -> None:
    takes_f = any(parameter.name == "f" for parameter in registry.parameters(name))
    registry.check(name, {**({"f": f} if takes_f else {}), **params})
