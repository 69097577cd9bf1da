"""What every page shares: colours, templates, the one script it may run, and writing it whole."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

PALETTES: dict[str, dict[str, str]] = {
    "light": {
        "page": "#ffffff",
        "panel": "#f3f5f6",
        "ink": "#1a2227",
        "soft": "#55626a",
        "rule": "#dbe1e4",
        "edge": "#87949b",
        "shade": "#cdd6da",
        "accent": "#0a5c6b",
        "bar": "#8fbcc4",
        "wrong": "#9c2f2a",
        "warn-ink": "#6e3b00",
        "warn-page": "#fcf3e4",
        "heat": "10 92 107",
        "heat-most": "0.42",
    },
    "dark": {
        "page": "#11161a",
        "panel": "#1a2127",
        "ink": "#e4e9ec",
        "soft": "#a0adb5",
        "rule": "#2d373e",
        "edge": "#71808a",
        "shade": "#46545d",
        "accent": "#74c6d3",
        "bar": "#2f6a75",
        "wrong": "#f19c94",
        "warn-ink": "#f0cb8e",
        "warn-page": "#2a2416",
        "heat": "116 198 211",
        "heat-most": "0.42",
    },
}


def build_environment() -> jinja2.Environment:
    """Templates of this package; everything filled in is escaped, and nothing may be missing."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("spinebench.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_document(
    environment: jinja2.Environment, template: str, scripts: Sequence[str], **values: Any
) -> str:
    """HTML of a page with the shared style and, in this order, scripts of the templates' folder.

    The template finds `css`, `js` and `js_digest`, which its content security policy names.
    """
    assert environment.loader is not None
    script = "".join(environment.loader.get_source(environment, name)[0] for name in scripts)
    return environment.get_template(template).render(
        css=Markup(environment.get_template("page.css").render(palettes=PALETTES)),
        js=Markup(script),
        js_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        **values,
    )


def write_document(out: Path, data: bytes) -> None:
    """Write a page under a temporary name, then rename."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(out.name + ".tmp")
    temporary.write_bytes(data)
    temporary.replace(out)
