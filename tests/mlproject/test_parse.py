"""What an MLproject file may say, and the sentence for each thing that it may not."""

from pathlib import Path

import pytest

from accounts.errors import Unprocessable
from registry.mlproject import MLProject, parse, parse_folder
from registry.mlproject.documents import MAX_YAML

ENVIRONMENT = b'python: "3.11"\ndependencies: [scikit-learn==1.9.1]\n'
GOOD = b"""
name: yield
python_env: python_env.yaml
entry_points:
  main:
    parameters:
      alpha: {type: float, default: 0.4}
      rounds: int
      note: {default: "two words"}
      where: {type: uri, default: "s3://bucket/x"}
      data: path
    command: "python train.py --alpha {alpha} --rounds {rounds} {note} {where} {data} {{literal}}"
"""


def project(mlproject: bytes, **files: bytes) -> MLProject:
    stored = {"MLproject": mlproject, "python_env.yaml": ENVIRONMENT} | {
        name.replace("__", "."): content for name, content in files.items()
    }
    return parse("MLproject", stored.get)


def entry(text: str) -> bytes:
    return f"name: p\npython_env: python_env.yaml\nentry_points:\n  main: {text}\n".encode()


def test_everything_that_is_declared_is_read() -> None:
    found = project(GOOD)
    assert found.name == "yield"
    assert [(p.name, p.type, p.default) for p in found.entry_points["main"].parameters] == [
        ("alpha", "float", "0.4"),
        ("rounds", "int", None),
        ("note", "string", "two words"),
        ("where", "uri", "s3://bucket/x"),
        ("data", "path", None),
    ]
    assert found.python_env.python == "3.11"
    assert found.python_env.requirements == ("scikit-learn==1.9.1",)


@pytest.mark.parametrize(
    ("mlproject", "says"),
    [
        (b"", "MLproject must be a list of names"),
        (b"- a\n- b\n", "MLproject must be a list of names"),
        (b"name: [1, 2", "line 1"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"name: p\n" + b"#" * MAX_YAML, "bytes long"),
        (b"name: p\nname: q\n", "line 2: name is given twice"),
        (b"a: &x [1]\nb: [*x, *x]\n", "aliases"),
        (b"a: " + b"[" * 5000, "nested too deeply"),
        (b"name: !!python/object/apply:os.system [id]\n", "python/object"),
        (b"name: p\nentry_points: {}\n", "declares no entry_points"),
        (b"entry_points: {main: {command: x}}\n", "name must be a text"),
        (b"name: p\nentrypoints: {}\n", "field(s) entrypoints"),
        (b"name: p\nconda_env: conda.yaml\n", "Conda environments are not supported"),
        (b"name: p\ndocker_env: {image: x}\n", "Container environments are not supported"),
        (b"name: p\ndatabricks_spark_job: {}\n", "Databricks jobs are not supported"),
        (b"name: p\npython_env: ../x.yaml\nentry_points: {main: {command: x}}\n", "file in the project"),
        (b"name: p\npython_env: other.yaml\nentry_points: {main: {command: x}}\n", "no such file"),
        (entry("python train.py"), "takes the fields parameters and command"),
        (entry("{parameters: {}}"), "needs a command"),
        (entry("{command: x, image: y}"), "takes the fields"),
        (entry('{command: "run {alpha}"}'), "uses {alpha}, which is not among its parameters"),
        (entry('{command: "run {0}"}'), "has {0}; only plain"),
        (entry('{command: "run {a!r}", parameters: {a: float}}'), "has {a!r}"),
        (entry('{command: "run {a.real}", parameters: {a: float}}'), "has {a.real}"),
        (entry('{command: "run {a:>{a}}", parameters: {a: float}}'), "only plain"),
        (entry('{command: "run {a", parameters: {a: float}}'), "cannot be filled in"),
        (entry("{command: run, parameters: {a: number}}"), "string, float, int, path, uri"),
        (entry("{command: run, parameters: {a: {type: float, min: 0}}}"), "type and default"),
        (
            entry("{command: run, parameters: {a: {type: float, default: much}}}"),
            "default of a in main is wrong",
        ),
        (entry("{command: run, parameters: {a: {default: [1]}}}"), "default of a in main is wrong"),
        (entry("{command: run, parameters: {'a b': float}}"), "cannot name a parameter"),
        (entry("{command: run, parameters: [a]}"), "names with types"),
    ],
)
def test_what_is_wrong_is_said(mlproject: bytes, says: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        project(mlproject)
    assert says in refusal.value.detail
    assert refusal.value.data["file"]


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        (b"python: [3]\n", "python must be a version"),
        (b"python: latest\n", "python must be a version"),
        (b"dependencies: mlflow\n", "must be a list of texts"),
        (b"dependencies: [{pip: [x]}]\n", "must be a list of texts"),
        (b"dependencies: ['--index-url http://x/']\n", "option in"),
        (b"dependencies: ['-e .']\n", "option in"),
        (b"dependencies: ['mlflow --index-url=http://x/']\n", "option in"),
        (b"dependencies: ['mlflow @ http://x/mlflow.whl']\n", "leads to an address"),
        (b"dependencies: ['git+http://x/y']\n", "not a package requirement"),
        (b"dependencies: ['./local.whl']\n", "not a package requirement"),
        (b"dependencies: ['-r ../../etc/passwd']\n", "names no file of this project"),
        (b"dependencies: ['-r /etc/passwd']\n", "names no file of this project"),
        (b"dependencies: ['-r missing.txt']\n", "names no file of this project"),
        (b"dependencies: ['-r nested.txt']\n", "option in"),
        (b"channels: [x]\n", "field(s) channels"),
    ],
)
def test_what_is_wrong_with_the_environment_is_said(environment: bytes, says: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        project(GOOD, python_env__yaml=environment, nested__txt=b"-r other.txt\n")
    assert says in refusal.value.detail


def test_requirement_files_are_read_with_hashes_comments_and_continued_lines() -> None:
    listed = (
        b"# list\nnumpy==2.4.6 \\\n    --hash=sha256:%b \\\n    --hash=sha256:%b\npandas == 3.1.1  # frames\n"
    )
    found = project(
        GOOD,
        python_env__yaml=b"python: 3.10\nbuild_dependencies: [pip]\ndependencies: [-r listed.txt]\n",
        listed__txt=listed % (b"b" * 64, b"a" * 64),
    )
    assert found.python_env.requirements == (
        f"numpy==2.4.6 --hash=sha256:{'a' * 64} --hash=sha256:{'b' * 64}",
        "pandas==3.1.1",
    )
    assert found.python_env.python == "3.10", "written without quotes, and still not 3.1"
    assert not found.python_env.hashed


def test_equal_environments_share_a_digest() -> None:
    one = project(GOOD, python_env__yaml=b"dependencies: [a==1, b==2]\n").python_env
    other = project(GOOD, python_env__yaml=b"dependencies: ['b==2', 'a == 1']\n").python_env
    third = project(GOOD, python_env__yaml=b"dependencies: ['b==2', 'a == 2']\n").python_env
    assert one.digest == other.digest != third.digest


def test_an_interpreter_fits_when_the_written_parts_match() -> None:
    env = project(GOOD).python_env
    assert env.runs_on((3, 11, 7))
    assert not env.runs_on((3, 12, 0))


def test_a_folder_is_read_without_following_links_out_of_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_bytes(ENVIRONMENT)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "mlproject").write_bytes(GOOD)
    (folder / "python_env.yaml").symlink_to(secret)
    with pytest.raises(Unprocessable, match="no such file"):
        parse_folder(folder)
    (folder / "python_env.yaml").unlink()
    (folder / "python_env.yaml").write_bytes(ENVIRONMENT)
    assert parse_folder(folder).name == "yield"
    (folder / "MLproject").write_bytes(GOOD)
    with pytest.raises(Unprocessable, match="keep one"):
        parse_folder(folder)


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unprocessable, match="no MLproject file"):
        parse_folder(tmp_path)


def test_the_example_project_parses() -> None:
    example = parse_folder(Path(__file__).parents[2] / "examples" / "wafer-yield")
    assert set(example.entry_points) == {"main", "validate"}
    assert example.python_env.hashed
    bound = example.bind("main", {"alpha": "0.4"})
    assert "--alpha 0.4 --blocks 12" in bound.command
