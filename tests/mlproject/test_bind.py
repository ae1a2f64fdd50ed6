"""Binding a launch: errors name the parameter, and values reach the program exactly as they were given."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from accounts.errors import Invalid, Unprocessable
from registry.mlproject import MLProject, parse

HEAD = "name: p\npython_env: python_env.yaml\nentry_points:\n"


def project(command: str, parameters: str) -> MLProject:
    text = f"{HEAD}  main:\n    parameters: {parameters}\n    command: {json.dumps(command)}\n"
    files = {"MLproject": text.encode(), "python_env.yaml": b"dependencies: [mlflow-skinny]\n"}
    return parse("MLproject", files.get)


TRAIN = project(
    "train {alpha} {rounds} {data}", "{alpha: {type: float, default: 0.4}, rounds: int, data: uri}"
)


def test_defaults_are_filled_in_and_numbers_are_taken_as_text() -> None:
    bound = TRAIN.bind("main", {"rounds": 3, "data": "s3://b/k v"})
    assert bound.parameters == {"alpha": "0.4", "rounds": "3", "data": "s3://b/k v"}
    assert bound.command == "train 0.4 3 's3://b/k v'"
    assert bound.argv == ("bash", "-c", bound.command)


def test_an_unknown_entry_point_is_named_with_those_that_exist() -> None:
    with pytest.raises(Unprocessable) as refusal:
        TRAIN.bind("evaluate", {})
    assert refusal.value.code == "mlproject.entry_point_unknown"
    assert refusal.value.data == {"entry_point": "evaluate", "known": ["main"]}


def test_every_wrong_parameter_is_named_at_once() -> None:
    with pytest.raises(Invalid) as refusal:
        TRAIN.bind("main", {"alpha": "much", "data": "no-scheme", "alhpa": "1"})
    errors = refusal.value.data["errors"]
    assert set(errors) == {"parameters.alpha", "parameters.rounds", "parameters.data", "parameters.alhpa"}
    assert "number such as 0.4" in errors["parameters.alpha"][0]
    assert "no default" in errors["parameters.rounds"][0]
    assert "scheme" in errors["parameters.data"][0]
    assert "no such parameter" in errors["parameters.alhpa"][0]


@pytest.mark.parametrize("value", ["nan", "inf", "1_0", "0x10", " 1", "1\n", "١", "", "1e9999", "--help"])
def test_what_only_looks_like_a_number_is_refused(value: str) -> None:
    with pytest.raises(Invalid):
        TRAIN.bind("main", {"alpha": value, "rounds": "1", "data": "s3://b"})


@pytest.mark.parametrize("value", [True, None, [], {}, b"1", float("nan"), float("inf")])
def test_values_that_are_no_text_are_refused(value: object) -> None:
    with pytest.raises(Invalid):
        TRAIN.bind("main", {"alpha": "1", "rounds": value, "data": "s3://b"})


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * 4097])
def test_text_that_a_command_line_cannot_carry_is_refused(value: str) -> None:
    with pytest.raises(Invalid):
        project("run {a}", "{a: string}").bind("main", {"a": value})


SHELL_TEXT = st.text(
    st.one_of(
        st.sampled_from(" '\"\\$`!#&|;<>(){}[]*?~=%-\n\t"),
        st.characters(exclude_characters="\0", codec="utf-8"),
    ),
    max_size=40,
)
PLAIN = [
    "printf %s {a}",
    "printf %s --x={a} | cut -c5-",
    'printf "%s" {a}',
    "true && printf '%s' {a}",
    "(printf %s {a})",
    'x="it\'s" ; printf %s {a}',
    "printf %s 'a\\'{a} | cut -c3-",
]


@pytest.mark.parametrize("shell", ["sh", "bash"])
@settings(max_examples=120, deadline=None)
@given(value=SHELL_TEXT)
def test_values_reach_the_program_as_they_are(shell: str, value: str) -> None:
    bound = project("printf '%s\\0' {a} x={a}", "{a: string}").bind("main", {"a": value})
    done = subprocess.run([shell, "-c", bound.command], capture_output=True, check=True, timeout=10)
    assert done.stdout == f"{value}\0x={value}\0".encode()


@pytest.mark.parametrize(
    "value", ["$(touch made)", "`touch made`", "'; touch made; '", '"; touch made; "', "\\'; touch made #"]
)
@pytest.mark.parametrize("command", PLAIN)
def test_nothing_that_a_value_says_is_run(command: str, value: str, tmp_path: Path) -> None:
    bound = project(command, "{a: string}").bind("main", {"a": value})
    done = subprocess.run(bound.argv, capture_output=True, cwd=tmp_path, check=True, timeout=10)
    assert done.stdout.decode().rstrip("\n") == value
    assert list(tmp_path.iterdir()) == []


NOT_PLAIN = [
    'printf "{a}"',
    "printf '{a}'",
    "printf \\{a}",
    "printf ${a}",
    "printf `printf {a}`",
    'printf "$(printf "{a}")"',
    'printf "${{y:-"{a}"}}"',
    "cat <<X\n{a}\nX",
    "printf $(({a}))",
    "(( {a} ))",
    "printf x # {a}",
    "printf x;# {a}",
    "printf $'\\'{a}'",
    'bash -c "printf {a}"',
]


@pytest.mark.parametrize("command", NOT_PLAIN)
def test_where_quoting_does_not_hold_only_harmless_values_go(command: str) -> None:
    found = project(command, "{a: string}")
    assert "0.4" in found.bind("main", {"a": "0.4"}).command
    for value in ("$(id)", "`id`", "a b", "'", '"', "x\ny", "", ";id"):
        with pytest.raises(Invalid) as refusal:
            found.bind("main", {"a": value})
        assert "inside quotes" in refusal.value.data["errors"]["parameters.a"][0]


@settings(max_examples=150, deadline=None)
@given(
    before=st.text(st.sampled_from("'\"\\$ a(){}[]#`;|<&x\n"), max_size=8),
    after=st.text(st.sampled_from("'\"\\$ a(){}[]#`;|<&x\n"), max_size=8),
    probe=st.sampled_from(
        ["$(touch made)", "`touch made`", "';touch made;'", '";touch made;"', "\ntouch made\n#"]
    ),
)
def test_no_template_lets_a_value_run(
    before: str, after: str, probe: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever surrounds the placeholder, the value is refused or stays data."""
    literal = [text.replace("{", "{{").replace("}", "}}") for text in (before, after)]
    try:
        bound = project(f"{literal[0]}{{a}}{literal[1]}", "{a: string}").bind("main", {"a": probe})
    except Invalid:
        return
    except Unprocessable:
        assume(False)
        return
    folder = tmp_path_factory.mktemp("shell")
    subprocess.run(
        ["bash", "-c", bound.command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=folder,
        check=False,
        timeout=10,
    )
    assert "made" not in [path.name for path in folder.iterdir()]
