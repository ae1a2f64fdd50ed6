"""Lines to copy: a version's file, read with the tools that people have. Pure."""

from dataclasses import dataclass
from string import Template

from django.conf import settings

from registry.datasets.profile.formats import table_format

# A secret for this origin alone: the token goes nowhere else.
_DUCKDB = Template(
    """import os
import duckdb

token = os.environ["MLP_TOKEN"]
duckdb.sql(f\"\"\"CREATE SECRET (TYPE http, SCOPE '$origin',
    EXTRA_HTTP_HEADERS MAP {{'Authorization': 'Bearer {token}'}})\"\"\")
duckdb.sql(\"\"\"SELECT * FROM $reader(
    '$address'
) LIMIT 10\"\"\").show()"""
)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A way to read a file: the tool's name, and what to type."""

    tool: str
    text: str


def upload_command(dataset: str) -> str:
    """Return the shell line that makes a version of one file; `dataset` is its path of the API."""
    return (
        f'curl -fsS -T wafers.csv -H "Authorization: Bearer $MLP_TOKEN" \\\n'
        f'  "{settings.BASE_URL}{dataset}/upload?path=wafers.csv"'
    )


def snippets(path: str, url: str) -> list[Snippet]:
    """Return the ways to read the file at `url` (a path of the API); the token comes from the environment."""
    address = f"{settings.BASE_URL}{url}"
    found = [
        Snippet(
            "curl",
            f'curl -fsS -H "Authorization: Bearer $MLP_TOKEN" \\\n  -OJ "{address}"',
        )
    ]
    form = table_format(path)
    if form is None:
        return found
    reader = "read_parquet" if form.kind == "parquet" else "read_csv"
    options = ""
    if form.delimiter == "\t":
        options += ', sep="\\t"'
    if form.gzipped:
        options += ', compression="gzip"'
    found.append(
        Snippet(
            "pandas",
            "import os\nimport pandas as pd\n\n"
            f'frame = pd.{reader}(\n    "{address}"{options},\n'
            '    storage_options={"Authorization": f"Bearer {os.environ[\'MLP_TOKEN\']}"},\n)',
        )
    )
    found.append(
        Snippet("DuckDB", _DUCKDB.substitute(origin=settings.BASE_URL, reader=reader, address=address))
    )
    return found
