"""SVG to stand in a page: elements whose text and attributes are escaped."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup


def picture(width: float, height: float, title: str, text: str) -> Element:
    """Begin a picture.

    Parameters
    ----------
    width, height : float
        Its own units; on a page it is as wide as there is room.
    title : str
        What it shows.
    text : str
        What it says, in words, for those who cannot see it.
    """
    return Element(
        "svg",
        {
            "viewBox": f"0 0 {width:g} {height:g}",
            "role": "img",
            "aria-label": f"{title}. {text}",
            "class": "chart",
        },
    )


def add(parent: Element, tag: str, **attributes: object) -> Element:
    """Add an element; ``class_`` stands for ``class``, and ``_`` in names for ``-``."""
    return SubElement(parent, tag, {_name(key): _value(v) for key, v in attributes.items()})


def write(parent: Element, x: float, y: float, text: str, **attributes: object) -> None:
    """Write a line of text."""
    add(parent, "text", x=x, y=y, **attributes).text = text


def path(points: list[tuple[float, float] | None]) -> str:
    """Join points by straight lines; ``None`` leaves a gap."""
    parts, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
            continue
        parts.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
        pen = "L"
    return "".join(parts)


def markup(root: Element) -> Markup:
    """Return a picture for a page."""
    return Markup(tostring(root, encoding="unicode"))  # noqa: S704 (escaped by ElementTree)


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
