"""One MLflow workspace per account: its name, and making sure that it is there.

The name is computed from the account's id, so nothing that a tenant types can reach, guess or collide with
another's.
"""

import re
from uuid import UUID

HEADER = "X-MLFLOW-WORKSPACE"
CREATE = "/api/3.0/mlflow/workspaces"
_NAME = re.compile(r"^a-[0-9a-f]{32}$")


def workspace_of(account_id: UUID) -> str:
    """Return the workspace of an account: `a-` and its id in 32 hexadecimal digits (MLflow allows 2 to 63
    characters).
    """
    return f"a-{account_id.hex}"


def account_of(workspace: str) -> UUID | None:
    """Return the account of a workspace that the portal made, or None for any other name."""
    return UUID(hex=workspace[2:]) if _NAME.match(workspace) else None


class Known:
    """Workspaces that this process has seen to exist; bounded, and forgotten when the process ends."""

    def __init__(self, limit: int = 10_000) -> None:
        self._names: set[str] = set()
        self._limit = limit

    def __contains__(self, workspace: str) -> bool:
        return workspace in self._names

    def add(self, workspace: str) -> None:
        """Remember a workspace."""
        if len(self._names) >= self._limit:
            self._names.clear()
        self._names.add(workspace)

    def discard(self, workspace: str) -> None:
        """Forget a workspace that turned out to be gone: the next use makes it again."""
        self._names.discard(workspace)


known = Known()
