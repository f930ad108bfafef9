"""The generated table."""

from __future__ import annotations

from strategies import pre_aggregation, rules
from strategies.rules.table import markdown, rows


def test_every_rule_is_a_row_with_all_its_parameters() -> None:
    described = {row.name: row for row in rows(rules.registry)}
    assert sorted(described) == list(rules.list())
    for name, row in described.items():
        for parameter in rules.parameters(name):
            assert f"{parameter.name}: " in row.parameters
    assert (
        described["multi_krum"].parameters
        == "f: int >= 0, select: int >= 1 = None, repeat: bool = False"
    )
    assert (
        "metric: 'spearman' or 'footrule' = 'spearman'" in described["distance_filter"].parameters
    )
    assert described["krum"].paper == "Blanchard et al. 2017, arXiv:1703.02757"


def test_markdown_has_one_line_for_each_and_as_many_cells() -> None:
    for registry, columns in ((rules.registry, 8), (pre_aggregation.registry, 6)):
        lines = markdown(registry).splitlines()
        assert len(lines) == 2 + len(registry.list())
        for line in lines:
            assert line.replace("\\|", "").count("|") == columns + 1
