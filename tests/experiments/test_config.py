from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

import pytest

from experiments.config import (
    FLOWER_KEYS,
    Config,
    dump,
    flatten,
    from_flat,
    of_flower_run,
    read,
    recorded,
)
from experiments.config.configuration import defaults
from experiments.config.pyproject import rewritten
from frl import methods
from frl.errors import InputError
from frl.training.settings import TrainSettings
from strategies import RuleStrategy

ROOT = Path(__file__).parents[2]


def test_written_and_read_again_it_is_the_same(tmp_path: Path) -> None:
    config = read(None, ["seed=7", "strategy.keep=0.3", "data.name=mnist"])

    (tmp_path / "config.toml").write_text(dump(config))

    assert read(tmp_path / "config.toml") == config
    assert from_flat(flatten(config)) == config
    written = tomllib.loads((tmp_path / "config.toml").read_text())
    assert written == config.model_dump(), "every default is written out"


def test_flower_knows_every_key_with_its_default() -> None:
    """Flower's ``-c`` takes only keys that are in the project file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    found = project["tool"]["flwr"]["app"]["config"]
    assert of_flower_run(flatten_tables(found)) == Config()
    assert flatten_tables(found).keys() == flatten(Config()).keys() | FLOWER_KEYS.keys()
    assert {key: found[key] for key in FLOWER_KEYS} == FLOWER_KEYS


def test_the_keys_in_the_project_file_are_generated() -> None:
    text = (ROOT / "pyproject.toml").read_text()

    assert rewritten(text) == text, "run python -m experiments.config.pyproject"


def test_defaults_of_the_library_are_those_of_the_tables() -> None:
    keys = defaults()
    library = {
        **{f"train.{key}": value for key, value in TrainSettings._field_defaults.items()},
        **{
            f"strategy.{name}": parameter.default
            for name, parameter in inspect.signature(RuleStrategy).parameters.items()
            if parameter.default is not inspect.Parameter.empty
        },
        "train.lr": 0.0,
        "strategy.rule": "",
    }

    shared = keys.keys() & library.keys()
    assert len(shared) >= 11
    assert {key: keys[key] for key in shared} == {key: library[key] for key in shared}
    assert Config().train.lr == TrainSettings().lr == methods.make("frl").learning_rate
    assert inspect.signature(RuleStrategy).parameters["rule"].default == methods.make("frl").rule


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            ["strategy.rule=trimmed_position(f=2)"],
            ["strategy.rule=trimmed_position", "strategy.f=2"],
        ),
        (["attack.name=alie(source='benign')"], ["attack.name=alie", "attack.source=benign"]),
        (["attack.name=alie( z = 1.5 )"], ["attack.name=alie", "attack.z=1.5"]),
        (
            ["strategy.pre_aggregation=nnm(f=2),clipping( bound=3 )", "strategy.f=2"],
            ["strategy.pre_aggregation=nnm, clipping(bound=3)", "strategy.f=2"],
        ),
        (
            ["strategy.rule=krum(f=2)", "strategy.f=3", "strategy.pre_aggregation=nnm"],
            ["strategy.rule=krum", "strategy.f=2", "strategy.pre_aggregation=nnm(f=3)"],
        ),
        (["train.lr=0"], []),
    ],
)
def test_one_meaning_has_one_spelling(tmp_path: Path, one: list[str], other: list[str]) -> None:
    first, second = read(None, one), read(None, other)

    assert first == second
    assert dump(first) == dump(second)
    (tmp_path / "config.toml").write_text(dump(first))
    assert read(tmp_path / "config.toml") == first


def test_a_parameter_that_shares_the_name_of_a_key_stays_where_it_is() -> None:
    strategy = read(None, ["strategy.rule=approval(keep=0.3)"]).strategy

    assert (strategy.rule, strategy.keep) == ("approval(keep=0.3)", 0.5)


def test_a_record_in_another_spelling_reads_the_same(tmp_path: Path) -> None:
    plain = dump(read(None, ["strategy.rule=trimmed_position", "strategy.f=2"]))
    old = plain.replace('rule = "trimmed_position"\nf = 2', 'rule = "trimmed_position(f=2)"\nf = 0')
    assert old != plain
    for name, text in (("plain", plain), ("old", old)):
        (tmp_path / name).write_text(text)

    assert read(tmp_path / "old") == read(tmp_path / "plain")
    assert recorded(tmp_path / "old") == recorded(tmp_path / "plain")


def test_a_packaged_configuration_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert read(Path("mnist_lenet")).model.name == "lenet"
    assert read(Path("mnist_lenet.toml")) == read(Path("mnist_lenet"))
    Path("mnist_lenet.toml").write_text("rounds = 7\n")
    assert read(Path("mnist_lenet.toml")).rounds == 7, "a file that is there counts"


def flatten_tables(tables: dict) -> dict:
    return {
        key if inner is None else f"{key}.{inner}": value
        for key, table in tables.items()
        for inner, value in (table.items() if isinstance(table, dict) else [(None, table)])
    }


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("rounds=5", "rounds", 5),
        ("train.lr = 0.1", "train.lr", 0.1),
        ("train.lr=1", "train.lr", 1.0),
        ("data.augment=false", "data.augment", False),
        ("data.path=/some/where", "data.path", "/some/where"),
        ('data.column="writer_id"', "data.column", "writer_id"),
    ],
)
def test_overrides(override: str, key: str, value: object) -> None:
    assert flatten(read(None, [override]))[key] == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("round=5", r"unknown configuration key 'round'; did you mean 'rounds'"),
        ("train.rate=1", r"unknown configuration key 'train.rate'"),
        ("rounds=0", r"rounds: got 0; takes greater than or equal to 1"),
        ("rounds=many", r"rounds: got 'many'; takes a valid integer"),
        ("rounds=2.5", r"rounds: got 2.5; takes a valid integer"),
        ("strategy.keep=1.5", r"strategy.keep: got 1.5; takes less than or equal to 1"),
        ("strategy.keep=0", r"strategy.keep: got 0; takes greater than 0"),
        ("train.lr=nan", r"train.lr: got nan; takes a finite number"),
        ("strategy.mask_by=size", r"strategy.mask_by: got 'size'; takes 'score' or 'abs'"),
        ("strategy.coats=0", r"strategy.coats: got 0; takes greater than or equal to 1"),
        ("model.name=lennet", r"unknown model.name 'lennet'; did you mean 'lenet'"),
        ("engine.name=rya", r"unknown engine.name 'rya'; did you mean 'ray'"),
        ("data.partition=dirichlett", r"unknown data.partition 'dirichlett'; did you mean"),
        ("data.partition=natural", r"data.column: a natural partition takes the name"),
        ("clients=5", r"clients_per_round: got 10; takes at most clients = 5"),
        ("groups=8", r"clients_per_round: got 10; takes at most clients // groups = 6"),
        ("groups=0", r"groups: got 0; takes greater than or equal to 1"),
        ("group=1", r"group: got 1; takes 0 to 0, one of groups = 1"),
        ("seed=-1", r"seed: got -1; takes greater than or equal to 0"),
        ("rounds", r"-o 'rounds': takes key=value"),
        ("seed.x=1", r"seed: got \{'x': 1\}; takes a valid integer"),
        ("train=5", r"train: got 5; takes"),
    ],
)
def test_bad_values_get_one_line_with_the_key(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(None, [override])

    assert "\n" not in str(caught.value)


def test_groups_take_malicious_clients_that_stay_the_same() -> None:
    with pytest.raises(InputError, match="takes 'uniform' where groups is more"):
        read(None, ["groups=2", "attack.sampling=fixed_count"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rounds = ", r"config.toml: Invalid value"),
        ("rounds = 5\nrounds = 6", r"config.toml: Cannot overwrite"),
        ("[trian]\nlr = 1", r"unknown configuration key 'trian'"),
        ("[train]\nlr = 'x'", r"train.lr: got 'x'; takes a valid number"),
        ("[[train]]\nlr = 1", r"train: got "),
        ("[train.deep]\nlr = 1", r"unknown configuration key 'train.deep'"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)

    with pytest.raises(InputError, match=message):
        read(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no configuration file"):
        read(tmp_path / "nothing.toml")


def test_every_key_is_described() -> None:
    for table in (Config, *(f.annotation for f in Config.model_fields.values())):
        for name, field in getattr(table, "model_fields", {}).items():
            nested = hasattr(field.annotation, "model_fields")
            assert nested or field.description, f"{table.__name__}.{name} says nothing of itself"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["coats=2", "name=fedavg"], r"strategy.coats: got 2; weights have no mask; takes 1"),
        (["binarised=true", "name=fedavg"], r"strategy.binarised: got True; weights have no mask"),
        (["binarised=true", "coats=2"], r"strategy.binarised: got true with strategy.coats = 2"),
    ],
)
def test_masks_that_there_are_none_of(overrides: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(None, [f"strategy.{override}" for override in overrides])


def test_of_loaded_weights_most_edges_are_kept_by_default() -> None:
    assert read(None, ["model.weights=x"]).strategy.keep == 0.95
    assert read(None, ["model.weights=x", "strategy.keep=0.7"]).strategy.keep == 0.7
    assert read(None, []).strategy.keep == 0.5


@pytest.mark.parametrize(
    ("overrides", "coats"),
    [
        (["model.weights=x"], 7),
        (["model.weights=x", "strategy.coats=1"], 1),
        (["model.weights=x", "strategy.binarised=true"], 1),
        (["model.weights=x", "strategy.name=fedavg"], 1),
        ([], 1),
    ],
)
def test_loaded_weights_are_ranked_in_coats_by_default(overrides: list[str], coats: int) -> None:
    assert read(None, overrides).strategy.coats == coats
