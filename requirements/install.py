"""Install the portal into .venv: `python3 requirements/install.py run|test`. Does nothing when nothing has changed.

Standard library only, since nothing is installed yet. Packages are pinned with hashes; where from is pip's own
configuration.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LISTS = {"run": ["worker", "embedded", "mlflow"], "test": ["dev"]}
OLDEST, NEWEST_TRIED = (3, 11), (3, 14)


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def main() -> int:
    """Install for running, and with `test` for testing too; returns the exit status."""
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    if purpose not in LISTS:
        say(f"usage: {sys.argv[0]} run|test")
        return 2
    if sys.version_info < OLDEST:
        say(
            f"The portal needs Python 3.11 or 3.12; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 …"
        )
        return 1
    try:
        make_venv()
        for step in ("run", "test") if purpose == "test" else ("run",):
            install(step)
        if purpose == "test":
            make_browser()
        run([str(python()), "frontend/vendor.py"], "front-end packages", quiet=True)
        run([str(python()), "manage.py", "compiletranslations"], "translations", quiet=True)
    except subprocess.CalledProcessError as error:
        say(f"Installing failed (exit status {error.returncode}): {' '.join(map(str, error.cmd[:6]))} …")
        return 1
    return 0


def python() -> Path:
    """The interpreter of the virtual environment."""
    return VENV / "bin" / "python"


def make_venv() -> None:
    """Make .venv, whole or not at all."""
    if python().exists() and (VENV / "bin" / "pip").exists():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(VENV)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    # Debian and Ubuntu keep the pip that venv needs in a package of its own.
    if not apt_install(package):
        say((made.stdout + made.stderr).strip())
        say(f"Python cannot make a virtual environment here. On Debian or Ubuntu: apt-get install {package}")
        raise subprocess.CalledProcessError(made.returncode, command)
    subprocess.run(command, check=True)


def apt_install(package: str) -> bool:
    """Install a package of Debian or Ubuntu; False where this is neither, or not root."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return False
    say(f"Installing {package} …")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-y", "-qq", package]):
        subprocess.run(
            ["apt-get", *arguments],
            env=environment,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    return True


def make_browser() -> None:
    """Have a Chromium for the tests of pages, where the system can give one; without it those tests say so."""
    if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        return
    if not apt_install("chromium"):
        say("There is no Chromium: tests of pages will not run. On Debian: apt-get install chromium")


def install(purpose: str) -> None:
    """Install the lists of a purpose, unless the stamp says that exactly these are installed."""
    lists = [ROOT / "requirements" / f"{name}.txt" for name in LISTS[purpose]]
    digest = hashlib.sha256(sys.version.encode())
    for path in lists:
        digest.update(path.read_bytes())
    stamp = VENV / f".installed-{purpose}"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    say(f"Installing Python packages ({', '.join(path.name for path in lists)}) …")
    arguments = [argument for path in lists for argument in ("-r", str(path))]
    run(
        [
            str(python()),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            *arguments,
        ],
        "Python packages",
    )
    stamp.write_text(digest.hexdigest())


def run(command: list[str], what: str, quiet: bool = False) -> None:
    """Run one step from the root of the checkout, and say how long it took when it took long."""
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE if quiet else None, text=True, check=False
    )
    if done.returncode:
        say(done.stdout or "")
        raise subprocess.CalledProcessError(done.returncode, command)
    if (seconds := time.monotonic() - began) > 3:
        say(f"  {what}: {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
