"""YAML that says a gigabyte in a few lines, where a version of Python should stand."""

import pytest

from accounts.errors import Unprocessable
from registry.endpoints.workload import python_version

# Ten thousand million words as text: `str()` of it would end the process before any timeout.
LAYERS = ["a0: &a0 [laugh, laugh]"]
LAYERS += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11)]
BOMB = "\n".join([*LAYERS, "python: *a10"])


def test_a_models_version_of_python_is_a_text() -> None:
    assert python_version("") == ""
    assert python_version("python: 3.10.4\nbuild_dependencies: [pip]\n") == "3.10"
    for text in (BOMB, "python: [3, 11]", "python: {a: b}", "[]", "python: ["):
        with pytest.raises(Unprocessable):
            python_version(text)
