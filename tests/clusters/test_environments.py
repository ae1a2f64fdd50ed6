"""Environments: built from wheels by uv, once, atomically; requirements are untrusted input."""

import subprocess
import threading
from pathlib import Path

import pytest

from accounts.errors import Unprocessable
from clusters.local import environments, index, requirements


def environment(*lines: str, python: str = "") -> requirements.Environment:
    return requirements.environment(python, list(lines))


def test_built_once_and_found_again(tmp_path: Path) -> None:
    lines: list[str] = []
    built = environments.prepare(tmp_path, environment("six==1.17.0"), lines.append)
    assert "six" in "\n".join(lines)
    python = built.folder / "bin" / "python"
    code = "import six, sys; print(six.__version__, sys.prefix)"
    out = subprocess.run(
        [python, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert out == ["1.17.0", str(built.folder)]
    assert list(built.folder.rglob("__pycache__/six*.pyc")), "compiled now: the workload's view is read-only"
    again: list[str] = []
    assert environments.prepare(tmp_path, environment("six == 1.17.0"), again.append) == built
    assert len(again) == 1


def test_a_half_built_environment_is_built_anew(tmp_path: Path) -> None:
    built = environments.prepare(tmp_path, environment("six==1.17.0"), lambda line: None)
    (built.folder / environments.COMPLETE).unlink()
    (built.folder / "rubbish").touch()
    environments.prepare(tmp_path, environment("six==1.17.0"), lambda line: None)
    assert not (built.folder / "rubbish").exists()
    assert (built.folder / environments.COMPLETE).exists()


def test_one_builder_others_wait(tmp_path: Path) -> None:
    logs: list[list[str]] = [[], [], []]
    threads = [
        threading.Thread(target=environments.prepare, args=(tmp_path, environment("six==1.17.0"), log.append))
        for log in logs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(any(line.startswith("Building") for line in log) for log in logs) == 1


def test_a_package_that_does_not_exist_fails_with_a_sentence(tmp_path: Path) -> None:
    log: list[str] = []
    with pytest.raises(Unprocessable, match="from wheels only"):
        environments.prepare(tmp_path, environment("no-such-package-here==1"), log.append)
    assert "no-such-package-here" in "\n".join(log)


def test_a_python_that_is_not_here(tmp_path: Path) -> None:
    with pytest.raises(Unprocessable, match=r"Python 3\.4 is not installed"):
        environments.prepare(tmp_path, environment(python="3.4"), lambda line: None)


def test_cancelling_ends_the_build(tmp_path: Path) -> None:
    with pytest.raises(environments.Cancelled):
        environments.prepare(tmp_path, environment("six==1.17.0"), lambda line: None, lambda: True)
    assert not list(tmp_path.glob("envs/*/.complete"))


def test_unused_environments_are_pruned(tmp_path: Path) -> None:
    built = environments.prepare(tmp_path, environment(), lambda line: None)
    assert environments.prune(tmp_path, set()) == []
    assert environments.prune(tmp_path, {str(built.folder)}, unused_days=-1) == []
    assert environments.prune(tmp_path, set(), unused_days=-1) == [built.folder.name]
    assert not built.folder.exists()


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://evil.example/simple",
        "-e .",
        "./local",
        "/etc/passwd",
        "evil @ https://evil.example/evil-1.0-py3-none-any.whl",
        "git+https://evil.example/evil",
        "file:///etc",
        "-r ../../outside.txt",
        "-r /etc/hosts",
        "-r missing.txt",
        "-r link.txt",
        "two words",
    ],
)
def test_what_is_not_a_plain_requirement_is_refused(line: str) -> None:
    with pytest.raises(Unprocessable):
        requirements.parse_lines([line])


def test_pips_configuration_reaches_uv(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://one.example/simple\nextra-index-url =\n  https://two.example\n  https://three.example\n"
    )
    found = index.uv_environment(
        {
            "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
            "PIP_CERT": "/ca.pem",
            "SECRET": "x",
            "HTTPS_PROXY": "http://p",
            "HOME": "/nonexistent",
        }
    )
    assert found["UV_DEFAULT_INDEX"] == "https://one.example/simple"
    assert found["UV_INDEX"] == "https://two.example https://three.example"
    assert (found["SSL_CERT_FILE"], found["HTTPS_PROXY"]) == ("/ca.pem", "http://p")
    assert "SECRET" not in found
    assert index.redact("see https://user:pass@host.example/x") == "see https://…@host.example/x"
