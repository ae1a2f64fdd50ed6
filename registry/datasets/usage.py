"""Lines to copy: a version's file, read with the tools that people have. Pure."""

from dataclasses import dataclass

from django.conf import settings

from registry.datasets.profile.formats import table_format


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
    table = "read_parquet" if form.kind == "parquet" else "read_csv"
    origin = settings.BASE_URL
    found.append(
        Snippet(
            "DuckDB",
            "CREATE SECRET (TYPE http, EXTRA_HTTP_HEADERS MAP {\n"
            "  'Authorization': 'Bearer ' || getenv('MLP_TOKEN')\n"
            f"}}, SCOPE '{origin}');\n"
            f"SELECT * FROM {table}('{address}') LIMIT 10;",
        )
    )
    return found
