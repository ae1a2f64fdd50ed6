"""What a link lends, in writing: checked as it comes in, shown to both sides, read again before every lease."""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from accounts.errors import Invalid

STORAGE_READ = "storage.read"
STORAGE_WRITE = "storage.write"
WORKLOAD_RUN = "workload.run"
PERMISSIONS = (STORAGE_READ, STORAGE_WRITE, WORKLOAD_RUN)
LONGEST_DAYS = 730
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Quota(_Part):
    """The most that the borrower may use there: cores, GiB of memory, GPUs. None is no bound of the link's own."""

    cpu: float | None = Field(default=None, gt=0, le=100_000)
    memory_gib: int | None = Field(default=None, ge=1, le=10_000_000)
    gpu: int | None = Field(default=None, ge=0, le=100_000)


class Offered(_Part):
    """A credential that leases may be taken of: never its content."""

    id: str
    name: str
    kind: str


class Terms(_Part):
    """What is lent. `namespace` is a name, or a pattern in which `*` stands for the borrower's project."""

    note: Annotated[str, StringConstraints(max_length=500)] = ""
    namespace: Annotated[
        str, StringConstraints(min_length=1, max_length=63, pattern=r"^[a-z0-9]?[-a-z0-9]*\*?[-a-z0-9]*$")
    ] = "*"
    quota: Quota = Quota()
    permissions: list[Literal["storage.read", "storage.write", "workload.run"]] = []
    credentials: list[Offered] = []
    days: int = Field(default=365, ge=1, le=LONGEST_DAYS)

    def namespace_of(self, slug: str) -> str:
        """The borrower's own namespace. Raises `Invalid` where the pattern does not give a name of Kubernetes' form."""
        name = self.namespace.replace("*", slug)[:63].rstrip("-")
        if not _LABEL.fullmatch(name):
            message = _("“%(pattern)s” does not give a namespace: lower-case letters, digits and dashes.") % {
                "pattern": self.namespace
            }
            raise Invalid("link.namespace", message, errors={"namespace": [message]})
        return name

    def offers(self, credential_id: UUID) -> bool:
        """Whether leases may be taken of this credential."""
        return any(one.id == str(credential_id) for one in self.credentials)


def parse_terms(given: dict[str, Any]) -> Terms:
    """Check terms on their way in. Raises `Invalid`, naming each wrong part."""
    try:
        terms = Terms.model_validate(given)
    except ValidationError as error:
        errors: dict[str, list[str]] = {}
        for found in error.errors(include_input=False, include_url=False, include_context=False):
            errors.setdefault(str(found["loc"][0]), []).append(found["msg"])
        reasons = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in errors.items())
        raise Invalid(
            "link.terms", _("These terms are not valid: %(reasons)s.") % {"reasons": reasons}, errors=errors
        ) from None
    terms.namespace_of("a" * 40)
    return terms
