"""Pages of the site that are made of the code and of the files at the top of the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

import click
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from experiments.cli import app
from experiments.commands.catalogue import catalogue, markdown

ROOT = Path(__file__).parents[1]
TOP = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
PACKAGES = ("frl", "strategies", "attacks", "experiments")
UNLISTED = ("experiments.benchmarks",)
_ROLE = re.compile(r":(?:class|func|meth|mod|attr):(?=<code>)")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#:\s]+)(#[^)]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages that the navigation does not name last."""
    folder, nav = Path(config.docs_dir), config.nav or []
    pages = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.md")))
    more = [page for page in pages if page not in set(_named(nav))]
    config.nav = [*nav, {"More": more}] if more else nav
    return config


def _named(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    for entry in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _named(entry)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those of the folder."""
    pages = {page: (ROOT / name).read_text(encoding="utf-8") for name, page in TOP.items()}
    pages["reference/commands.md"] = commands()
    pages["reference/configuration.md"] = configuration()
    pages |= {f"reference/{package}.md": package_page(package) for package in PACKAGES}
    for uri, text in pages.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(text: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between pages."""
    source = next((name for name, uri in TOP.items() if uri == page.file.src_uri), None)
    place = PurePosixPath(source or f"docs/{page.file.src_uri}").parent

    def on_the_site(link: re.Match[str]) -> str:
        picture, label, target, anchor = link.groups(default="")
        file = normpath(place / target)
        uri = TOP.get(file, file.removeprefix("docs/"))
        if files.get_file_from_path(uri) is None and (ROOT / file).exists():
            return label
        up = "../" * page.file.src_uri.count("/")
        return f"{picture}[{label}]({up}{uri}{anchor})"

    return _LINK.sub(on_the_site, text)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Drop the roles that docstrings put before names."""
    return _ROLE.sub("", html)


def commands() -> str:
    """Help of every command, as it prints it."""
    group = typer.main.get_command(app)
    context = click.Context(group, info_name="frl")
    parts = [f"# Commands\n\n```text\n{group.get_help(context)}\n```"]
    for path, command in sorted(_leaves(group, "frl")):
        text = command.get_help(click.Context(command, info_name=path, max_content_width=80))
        parts.append(f"## {path}\n\n```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def _leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _leaves(below, f"{path} {name}")
    else:
        yield path, command


def configuration() -> str:
    """Every key, and what the keys that name something can name."""
    parts = [
        "# Configuration",
        "A TOML file, `-o key=value`, or both; `frl run --profile NAME` takes the keys of "
        '`[profile.NAME]` as well. A file may build on another: `base = "other.toml"`. Tables may '
        "hold further keys: parameters of the rule in `strategy`, of the attack in `attack`.",
        markdown("keys"),
    ]
    tables = [kind for kind in catalogue() if kind not in ("attacks", "rules", "keys")]
    parts += [f"## {kind.replace('_', '-').capitalize()}\n\n{markdown(kind)}" for kind in tables]
    return "\n\n".join(parts) + "\n"


def package_page(package: str) -> str:
    """Docstrings of a package, module by module."""
    lines = [f"# {package}"]
    for file in sorted((ROOT / package).rglob("*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not module.startswith(UNLISTED):
            lines.append(f"::: {module}")
    return "\n\n".join(lines) + "\n"
