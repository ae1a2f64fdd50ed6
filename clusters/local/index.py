"""Where packages come from: pip's own configuration, told to uv. Nothing assumes the internet, nor a
particular index.
"""

import configparser
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

_PASSED = (
    *(
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
    ),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def redact(text: str) -> str:
    """Remove user names and passwords from addresses in a line for people."""
    return _CREDENTIALS.sub("…@", text)


def _files(environ: Mapping[str, str]) -> list[Path]:
    """pip's configuration files, later ones win (pip documentation, "Configuration")."""
    home = Path(environ.get("HOME", "/nonexistent"))
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        config / "pip" / "pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    return [*files, *([Path(named)] if named else [])]


def _settings(environ: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in _files(environ):
        if not os.access(path, os.R_OK):
            continue
        parser = configparser.RawConfigParser()
        parser.read(path, encoding="utf-8")
        for section in ("global", "install"):
            if parser.has_section(section):
                found |= {name.replace("_", "-"): value.strip() for name, value in parser.items(section)}
    for name in ("index-url", "extra-index-url", "find-links", "cert", "trusted-host", "no-index"):
        value = environ.get("PIP_" + name.upper().replace("-", "_"))
        if value:
            found[name] = value
    return found


def uv_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables that make uv use what pip is configured to use. `UV_…` set by the operator win."""
    environ = os.environ if environ is None else environ
    settings = _settings(environ)
    result = {name: environ[name] for name in _PASSED if environ.get(name)}
    for name, variable in (
        ("index-url", "UV_DEFAULT_INDEX"),
        ("extra-index-url", "UV_INDEX"),
        ("trusted-host", "UV_INSECURE_HOST"),
    ):
        if settings.get(name):
            result[variable] = " ".join(settings[name].split())
    if settings.get("find-links"):
        result["UV_FIND_LINKS"] = ",".join(settings["find-links"].split())
    if settings.get("cert"):
        result["SSL_CERT_FILE"] = settings["cert"]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        result["UV_NO_INDEX"] = "1"
    if "UV_INDEX" in result:
        # pip takes the best version from all its indexes; uv's default would stop at the first that knows the
        # name.
        result["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return result | {name: value for name, value in environ.items() if name.startswith("UV_")}
