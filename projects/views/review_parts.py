"""What the pages of a review share, the audit room's and a project's: its findings by kind, in words, with evidence."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from projects.models import AuditReview
from projects.reviews.findings import KINDS
from projects.reviews.words import HEADINGS, Section, sentence


def sections_of(review: AuditReview, evidence: Callable[[dict[str, str]], str]) -> list[Section]:
    """Return the findings by kind, empty kinds too: that there was nothing is an answer. `evidence` gives the address
    of a search.
    """
    by_kind: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for place, finding in enumerate(review.marked):
        search = finding["search"]
        by_kind[finding["kind"]].append(
            {
                **finding,
                "id": f"finding-{place}",
                "text": sentence(finding),
                "url": evidence(search) if search else "",
            }
        )
    return [
        Section(
            kind,
            str(HEADINGS[kind][0]),
            str(HEADINGS[kind][1]),
            findings,
            review.left_out.get(kind, 0),
            sum(1 for finding in findings if finding["mark"] is None),
        )
        for kind, findings in by_kind.items()
    ]


def search_at(address: str, **more: str) -> Callable[[dict[str, str]], str]:
    """Return how a search is addressed at this page of the audit log."""
    return lambda search: f"{address}?{urlencode({**search, **more})}"
