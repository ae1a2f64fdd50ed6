"""Wheels that run code as soon as any Python starts in their environment: nowhere but behind the walls."""

import base64
import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from clusters.local import environments, requirements


def make_wheel(folder: Path, files: dict[str, str]) -> None:
    """A wheel `hostile` 1.0 of these files."""
    info = "hostile-1.0.dist-info"
    files = {
        **files,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(text.encode())}\n")
    folder.mkdir()
    with zipfile.ZipFile(folder / "hostile-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr(f"{info}/RECORD", "".join(lines) + f"{info}/RECORD,,\n")


def test_nothing_of_a_wheel_runs_while_its_environment_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    touch = f"open({str(ran)!r}, 'w').close()"
    make_wheel(
        tmp_path / "wheels",
        {
            "hostile/__init__.py": f"{touch}\n",
            "hostile/broken.py": "this is no Python\n",
            "hostile.pth": f"import sys; {touch}\n",
            "sitecustomize.py": f"{touch}\n",
            "compileall.py": f"{touch}\n",
            "encodings.py": f"{touch}\n",
        },
    )
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")
    wanted = requirements.environment("", ["hostile==1.0"])
    built = environments.prepare(tmp_path / "root", wanted, print)
    assert not ran.exists()
    assert list(built.folder.rglob("__pycache__/__init__.*.pyc"))
    subprocess.run([built.folder / "bin" / "python", "-c", "pass"], check=True)
    assert ran.exists(), "this wheel does run code wherever its environment's Python starts"
