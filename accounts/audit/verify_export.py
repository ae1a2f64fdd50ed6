"""Check an exported audit log without the portal: `python verify_export.py EXPORT.jsonl --key FINGERPRINT`.

Runs with Python 3.11 and the package `cryptography` alone; the portal's own verification calls the same functions.
The format, and what each finding means, is described in docs/audit.md. In short: a row's canonical line is hashed
to a leaf; the leaves in the order of their index make a Merkle tree (RFC 6962, section 2.1); checkpoints sign the
tree's size and root and name the checkpoint before; a receipt is a checkpoint that somebody kept. With `--proof` the
file is a proof of one record, or that one checkpoint continues another: it is checked without the rest of the log.

Exit status: 0 all is well, 1 something is wrong (each finding on a line of its own), 2 the input cannot be read.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COLUMNS = (
    "id", "at", "account_id", "actor_kind", "actor_id", "actor_label", "on_behalf_of", "action", "target_type",
    "target_id", "target_label", "outcome", "via", "ip", "user_agent", "request_id", "detail",
)  # fmt: skip
CHECKPOINT = "mlops-portal audit checkpoint 1"
GLOBAL = "mlops-portal audit global checkpoint 1"
KEY = "mlops-portal audit key 1"
DISPOSAL = "mlops-portal audit disposal 1"
PROOF = "mlops-portal audit proof"
NOTHING = "0" * 64
_MODULUS = 1 << 256
_ESCAPES = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_TABLE = str.maketrans(_ESCAPES)
_SPECIAL = re.compile(r"[\\\b\f\n\r\t\v]")


# --- bytes and trees -------------------------------------------------------------------------------------------


def canonical(values: Iterable[str | None]) -> bytes:
    r"""Return a row's canonical line: its columns as UTF-8 texts, joined by tabs, with PostgreSQL's COPY escapes.

    Backslash and the control characters \b \f \n \r \t \v are written as two characters, a missing value as \N.
    """
    texts = ["\\N" if v is None else v.translate(_TABLE) if _SPECIAL.search(v) else v for v in values]
    return "\t".join(texts).encode()


def leaf_hash(line: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962: SHA-256 of a zero byte and the entry)."""
    return hashlib.sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962: SHA-256 of a one byte and both children)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """An append-only Merkle tree that keeps no more than the roots of its perfect subtrees, left to right."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, frontier: bytes = b"") -> None:
        if len(frontier) != 32 * size.bit_count():
            raise ValueError("The frontier does not belong to a tree of this size.")
        self.size = size
        self.peaks = [frontier[start : start + 32] for start in range(0, len(frontier), 32)]

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash."""
        size, peaks, sha256 = self.size, self.peaks, hashlib.sha256
        while size & 1:
            leaf = sha256(b"\x01" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the Merkle tree hash; that of no leaves is the hash of nothing."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    @property
    def frontier(self) -> bytes:
        """The peaks' hashes in one."""
        return b"".join(self.peaks)


def root_of_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """Return the root that a leaf's audit path leads to, or None for one of another length (RFC 9162, 2.1.3.2)."""
    if index >= size:
        return None
    here, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            return None
        if here & 1 or here == last:
            found = node_hash(step, found)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, step)
        here, last = here >> 1, last >> 1
    return found if last == 0 else None


def consistent(first: int, second: int, first_root: bytes, second_root: bytes, path: list[bytes]) -> bool:
    """Whether a path proves that the larger tree begins with the smaller one (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second or (first == second) != (not path):
        return False
    if first == second:
        return first_root == second_root
    steps = [first_root, *path] if first & (first - 1) == 0 else path
    here, last = first - 1, second - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            new = node_hash(new, step)
        here, last = here >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


# --- what is signed --------------------------------------------------------------------------------------------


def statement(title: str, **lines: str | int) -> str:
    """Return the text that is signed: a title, then a name and a value per line."""
    return "\n".join([title, *(f"{name} {value}" for name, value in lines.items())]) + "\n"


def fields_of(body: str, title: str) -> dict[str, str]:
    """Read a signed text; raises ValueError where it is none of this kind. Repeated `head` lines are left out."""
    first, *lines = body.rstrip("\n").split("\n")
    if first != title:
        raise ValueError(f"This is no {title!r}.")
    return dict(line.split(" ", 1) for line in lines if not line.startswith("head "))


def digest(body: str) -> str:
    """Return the SHA-256 of a signed text, in hex: what the next one calls `previous`."""
    return hashlib.sha256(body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed text, and for a checkpoint its tree's peaks (unsigned; they must give the signed root)."""

    body: str
    signature: bytes
    frontier: bytes = b""

    @property
    def fields(self) -> dict[str, str]:
        """The text's names and values."""
        return fields_of(self.body, self.body.split("\n", 1)[0])

    def document(self) -> dict[str, str]:
        """Return what an export or a receipt holds."""
        found = {"body": self.body, "signature": base64.b64encode(self.signature).decode()}
        if self.frontier:
            found["frontier"] = base64.b64encode(self.frontier).decode()
        return found

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Signed":
        """Read what `document` wrote."""
        frontier = base64.b64decode(document.get("frontier", ""))
        return cls(str(document["body"]), base64.b64decode(document["signature"]), frontier)


def signed_by(public: bytes, signature: bytes, body: str) -> bool:
    """Whether this key signed this text."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, body.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class KeyStatement:
    """A key says that it follows another; both sign it (the first key of all signs alone)."""

    body: str
    signature: bytes
    previous_signature: bytes = b""

    def document(self) -> dict[str, str]:
        """Return what an export or a receipt holds."""
        return {
            "body": self.body,
            "signature": base64.b64encode(self.signature).decode(),
            "previous_signature": base64.b64encode(self.previous_signature).decode(),
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> "KeyStatement":
        """Read what `document` wrote."""
        first, second = (base64.b64decode(document.get(n, "")) for n in ("signature", "previous_signature"))
        return cls(str(document["body"]), first, second)


class KeyRing:
    """The keys that are trusted, from those the reader knows along the statements that both keys have signed.

    A key that has been followed signs nothing dated later than its successor's statement.
    """

    def __init__(self, known: Iterable[str], statements: Iterable[KeyStatement]) -> None:
        self.keys: dict[str, bytes] = {}
        self.ends: dict[str, str] = {}
        known = set(known)
        read = []
        for given in statements:
            lines = fields_of(given.body, KEY)
            public = bytes.fromhex(lines["public"])
            if hashlib.sha256(public).hexdigest() == lines["key"] and signed_by(
                public, given.signature, given.body
            ):
                read.append((lines, public, given))
        publics = {lines["key"]: public for lines, public, _given in read}
        links = []
        for lines, _public, given in read:
            before = publics.get(lines["previous"])
            if before is not None and signed_by(before, given.previous_signature, given.body):
                links.append((lines["previous"], lines["key"], lines["time"]))
        trusted = known & publics.keys()
        while True:
            more = {name for a, b, _time in links if (a in trusted) != (b in trusted) for name in (a, b)}
            if not more - trusted:
                break
            trusted |= more
        self.keys = {name: publics[name] for name in trusted}
        self.ends = {a: time for a, _b, time in links if a in trusted}

    def accepts(self, given: Signed) -> str:
        """Return why a signed text cannot be trusted, or an empty text."""
        lines = given.fields
        public = self.keys.get(lines.get("key", ""))
        if public is None:
            return f"it is signed with the key {lines.get('key', '')[:16]}…, which is none of this portal's"
        if lines.get("time", "") > self.ends.get(lines["key"], "9"):
            return f"it is signed with the key {lines['key'][:16]}… after that key was replaced"
        if not signed_by(public, given.signature, given.body):
            return "its signature is wrong"
        return ""


# --- findings --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `kind`: edited, deleted, inserted, reordered, truncated, dropped, forged, chain,
    restored, unreadable.
    """

    kind: str
    text: str
    index: int | None = None
    event: str = ""

    def document(self) -> dict[str, Any]:
        """Return the finding as plain data."""
        return {"kind": self.kind, "text": self.text, "index": self.index, "event": self.event}


def check_chain(log: str, title: str, chain: list[Signed], ring: KeyRing, deployment: str) -> list[Finding]:
    """Check that checkpoints follow each other without a gap, never shrink, and are signed by the ring's keys.

    Each names the one before by its hash: a good signature at the end, and wherever the key changes, vouches for all
    before. Where the chain is broken every signature is looked at.
    """
    found: list[Finding] = []
    previous, size, time, key = NOTHING, 0, "", ""
    lines: dict[str, str] = {}
    changes: list[Signed] = []
    for place, given in enumerate(chain):
        try:
            lines = fields_of(given.body, title)
            sequence, new_size = int(lines["sequence"]), int(lines.get("size", 0))
        except (ValueError, KeyError):
            found.append(Finding("forged", f"{log}: checkpoint {place + 1} cannot be read"))
            return found
        if sequence != place + 1:
            what = f"{log}: checkpoint {place + 1} is missing; the next one there is number {sequence}"
            found.append(Finding("chain", what))
            break
        if lines["previous"] != previous:
            found.append(Finding("chain", f"{log}: checkpoint {sequence} does not follow the one before it"))
        if lines["deployment"] != deployment:
            found.append(Finding("forged", f"{log}: checkpoint {sequence} belongs to another portal"))
        if title == CHECKPOINT and lines["log"] != log:
            found.append(Finding("forged", f"{log}: checkpoint {sequence} belongs to the log {lines['log']}"))
        if new_size < size or lines["time"] < time:
            found.append(
                Finding("chain", f"{log}: checkpoint {sequence} is smaller or older than the one before")
            )
        if key and lines["key"] != key:
            changes.append(chain[place - 1])
        previous, size, time, key = digest(given.body), new_size, lines["time"], lines["key"]
    for given in chain if found else [*changes, *chain[-1:]]:
        why = ring.accepts(given)
        if why:
            found.append(
                Finding("forged", f"{log}: checkpoint {given.fields.get('sequence')} is forged: {why}")
            )
    return found


def check_receipt(log: str, title: str, chain: list[Signed], receipt: Signed, ring: KeyRing) -> list[Finding]:
    """Check that today's chain goes on from a checkpoint that somebody kept."""
    why = ring.accepts(receipt)
    if why:
        return [Finding("forged", f"The receipt cannot be trusted: {why}")]
    lines = fields_of(receipt.body, title)
    sequence = int(lines["sequence"])
    if len(chain) < sequence:
        what = (
            f"{log}: the receipt of {lines['time']} shows checkpoint {sequence}; today's log ends with checkpoint"
            f" {len(chain)}. An older state of the database was put back, or the end was cut off"
        )
        return [Finding("restored", what)]
    if chain[sequence - 1].body != receipt.body:
        what = (
            f"{log}: today's log does not extend the one of the receipt of {lines['time']}: its checkpoint {sequence}"
            " is another. An older state of the database was put back, or history was rewritten"
        )
        return [Finding("restored", what)]
    return []


@dataclass(slots=True)
class _Mismatch:
    index: int
    event: str
    computed: bytes
    stored: bytes


@dataclass(slots=True)
class LogCheck:
    """Goes through one log's leaves in order and compares the tree with each checkpoint on the way."""

    log: str
    chain: list[Signed]
    # Sealed disposal records: the digest of what each removed from this log, by partition.
    disposed: dict[str, str] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    _tree: Tree = field(default_factory=Tree)
    _place: int = 0
    _goal: int = 0
    _sum: int = 0
    _lost: bool = False
    _mismatches: list[_Mismatch] = field(default_factory=list)
    _altered: list[tuple[int, int, int]] = field(default_factory=list)
    _removed: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._skip_empty()

    def _skip_empty(self) -> None:
        self._goal = int(self.chain[self._place].fields["size"]) if self._place < len(self.chain) else -1

    def leaf(self, index: int, stored: bytes, event: str, line: bytes | None, partition: str = "") -> None:
        """Take the next leaf: its stored hash, and its row's canonical line, or None where the row is gone.

        `partition` names the disposed month that the leaf's row is said to have been in.
        """
        if index != self.size:
            self._gap(index)
        self.size = index + 1
        if line is None:
            if partition in self.disposed:
                removed = self._removed.setdefault(partition, hashlib.sha256())
                removed.update(index.to_bytes(8, "big") + stored)
            else:
                what = f"{self.log}: row {event}, number {index} of the log, was deleted"
                self.found.append(Finding("deleted", what, index, event))
        else:
            self.rows += 1
            computed = hashlib.sha256(b"\x00" + line).digest()
            if computed != stored:
                self._mismatches.append(_Mismatch(index, event, computed, stored))
        if not self._lost:
            self._tree.append(stored)
            self._sum += int.from_bytes(stored, "big")
        if self.size == self._goal:
            self._checkpoint()

    def _gap(self, index: int) -> None:
        if index < self.size:
            self.found.append(Finding("inserted", f"{self.log}: there are two leaves number {index}", index))
            return
        which = f"number {self.size}" if index == self.size + 1 else f"numbers {self.size} to {index - 1}"
        self.found.append(Finding("deleted", f"{self.log}: rows {which} of the log were deleted", self.size))
        self._lost = True
        while self._goal != -1 and self._goal < index:
            self.size = self._goal
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Compare with the checkpoint of this size; where it differs, name the rows since the last good one, go on."""
        given = self.chain[self._place]
        lines = given.fields
        first = int(self.chain[self._place - 1].fields["size"]) if self._place else 0
        signed_sum = int(lines["sum"], 16)
        if not self._lost and self._tree.root().hex() != lines["root"]:
            self._altered.append((first, self._goal - 1, (self._sum - signed_sum) % _MODULUS))
        if self._lost or self._tree.root().hex() != lines["root"]:
            try:
                resumed = Tree(self._goal, given.frontier)
            except ValueError:
                resumed = Tree()
            self._lost = resumed.root().hex() != lines["root"]
            if not self._lost:
                self._tree, self._sum = resumed, signed_sum
        self._place += 1
        self._skip_empty()

    def finish(self) -> list[Finding]:
        """Return all findings, once the last leaf has been given."""
        signed = int(self.chain[-1].fields["size"]) if self.chain else 0
        if self.size < signed:
            what = f"{self.log}: the end was cut off: {signed} rows are sealed, {self.size} are there"
            self.found.append(Finding("truncated", what, self.size))
        elif self.size > signed:
            what = f"{self.log}: rows from number {signed} on are in no checkpoint: they were inserted"
            self.found.append(Finding("inserted", what, signed))
        self._name_mismatches()
        self._name_altered()
        for partition, wanted in self.disposed.items():
            removed = self._removed.get(partition)
            # A month that is disposed of on paper may still be there; what is missing of it must be all of it.
            if removed is not None and removed.hexdigest() != wanted:
                what = f"{self.log}: what is missing of {partition} is not what its disposal record names"
                self.found.append(Finding("deleted", what))
        return self.found

    def _name_mismatches(self) -> None:
        places = {m.stored: m.index for m in self._mismatches}
        for m in self._mismatches:
            if m.computed in places:
                what = f"{self.log}: row {m.event} stands at number {m.index}, not {places[m.computed]} as sealed"
                self.found.append(Finding("reordered", what, m.index, m.event))
            else:
                what = f"{self.log}: row {m.event}, number {m.index} of the log, was edited"
                self.found.append(Finding("edited", what, m.index, m.event))

    def _name_altered(self) -> None:
        # The signed sum of the leaves' hashes tells moved rows from changed ones; it protects nothing by itself.
        moved = bool(self._altered) and sum(total for _a, _b, total in self._altered) % _MODULUS == 0
        for first, last, _total in self._altered:
            which = (
                f"row number {first}"
                if first == last
                else f"one or more of the rows number {first} to {last}"
            )
            kind, how = ("reordered", "moved") if moved else ("edited", "changed or inserted")
            what = f"{self.log}: {which} of the log were {how}, and the leaves with them"
            self.found.append(Finding(kind, what, first))


# --- the command -----------------------------------------------------------------------------------------------


def read_document(path: str) -> dict[str, Any]:
    """Read a receipt."""
    with open(path, encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file)
    return document


def read_lines(path: str) -> Iterator[dict[str, Any]]:
    """Yield an export's documents."""
    with open(path, encoding="utf-8") as file:
        for text in file:
            yield json.loads(text)


def check_export(
    path: str, known: Iterable[str], receipt: dict[str, Any] | None
) -> tuple[list[Finding], str]:
    """Check an export file; return the findings and a sentence about what was looked at."""
    lines = read_lines(path)
    header = next(lines)
    if header.get("format") != "mlops-portal audit export" or header.get("version") != 1:
        raise ValueError("This is no export of an audit log that this program can read.")
    keys = [KeyStatement.of(d) for d in header["keys"]] + [
        KeyStatement.of(d) for d in (receipt or {}).get("keys", [])
    ]
    ring = KeyRing(known, keys)
    chain: list[Signed] = []
    disposals: list[Signed] = []
    log, ended = str(header["log"]), False
    check: LogCheck | None = None
    for document in lines:
        kind = document["type"]
        if kind == "checkpoint":
            chain.append(Signed.of(document))
        elif kind == "disposal":
            disposals.append(Signed.of(document))
        elif kind == "end":
            ended = True
        elif kind == "row":
            if check is None:
                check = _begin(header, chain, disposals, ring)
            row = document.get("row")
            line = None if row is None else canonical([row[name] for name in COLUMNS])
            stored = bytes.fromhex(document["leaf"])
            check.leaf(document["index"], stored, document["event"], line, document.get("disposed", ""))
    check = check or _begin(header, chain, disposals, ring)
    found = check.finish()
    if not ended:
        found.append(Finding("truncated", "The export file has no end: it is not whole"))
    if receipt is not None:
        found += check_receipt(log, CHECKPOINT, chain, Signed.of(receipt["checkpoint"]), ring)
    return found, f"{check.rows} rows and {len(chain)} checkpoints of the log {log}"


def check_proof(path: str, known: Iterable[str], receipt: dict[str, Any] | None) -> tuple[list[Finding], str]:
    """Check a proof; return the findings and a sentence about what it proves."""
    proof = read_document(path)
    if proof.get("format") != PROOF or proof.get("version") != 1:
        raise ValueError("This is no proof that this program can read.")
    log, newest = str(proof["log"]), Signed.of(proof["checkpoint"])
    ring = KeyRing(known, [KeyStatement.of(d) for d in proof["keys"]])
    signed = [newest] if proof["kind"] == "inclusion" else [Signed.of(proof["first"]), newest]
    found = [Finding("forged", f"{log}: {why}") for why in map(ring.accepts, signed) if why]
    lines = [fields_of(one.body, CHECKPOINT) for one in signed]
    if any(one["log"] != log or one["deployment"] != lines[0]["deployment"] for one in lines):
        found.append(Finding("forged", f"{log}: a checkpoint is of another log"))
    steps, size = [bytes.fromhex(step) for step in proof["path"]], int(lines[-1]["size"])
    if proof["kind"] == "inclusion":
        leaf, index, row = bytes.fromhex(proof["leaf"]), int(proof["index"]), proof.get("row")
        if row is not None and (
            leaf_hash(canonical([row[n] for n in COLUMNS])) != leaf or row["id"] != proof["event"]
        ):
            found.append(
                Finding("edited", f"{log}: the row is not the one that was sealed", index, proof["event"])
            )
        root = root_of_path(leaf, index, size, steps)
        if root is None or root.hex() != lines[0]["root"]:
            what = f"{log}: the path of row number {index} does not lead to the signed root"
            found.append(Finding("forged", what, index, proof["event"]))
        which = "row" if row is not None else "hash of the disposed row"
        where = (
            f"is number {index} of the log {log}, in checkpoint {lines[0]['sequence']} of {lines[0]['time']}"
        )
        said = f"the {which} {proof['event']} {where}"
    else:
        roots = [bytes.fromhex(one["root"]) for one in lines]
        if not consistent(int(lines[0]["size"]), size, roots[0], roots[1], steps):
            found.append(
                Finding("restored", f"{log}: the later checkpoint does not continue the earlier one")
            )
        said = (
            f"checkpoint {lines[1]['sequence']} of the log {log} continues checkpoint {lines[0]['sequence']}"
        )
    if receipt is not None and str(receipt["checkpoint"]["body"]) not in [one.body for one in signed]:
        found.append(Finding("restored", f"{log}: the proof is not about the receipt's checkpoint"))
    return found, said


def _begin(header: dict[str, Any], chain: list[Signed], disposals: list[Signed], ring: KeyRing) -> LogCheck:
    log = str(header["log"])
    found = check_chain(log, CHECKPOINT, chain, ring, str(header["deployment"]))
    usable = readable(chain) if found else chain
    return LogCheck(log, usable, disposed_of(log, disposals, ring, found), found)


def readable(chain: list[Signed]) -> list[Signed]:
    """Return the checkpoints up to the first that cannot be read or is out of its place."""
    good: list[Signed] = []
    for place, given in enumerate(chain):
        try:
            lines = fields_of(given.body, CHECKPOINT)
            fits = int(lines["sequence"]) == place + 1 and int(lines["size"]) > int(
                good[-1].fields["size"] if good else 0
            )
            int(lines["sum"], 16)
        except (ValueError, KeyError):
            break
        if not fits:
            break
        good.append(given)
    return good


def disposed_of(log: str, disposals: list[Signed], ring: KeyRing, found: list[Finding]) -> dict[str, str]:
    """Read from sealed disposal records what they say of one log: partition → digest of the removed leaves."""
    taken: dict[str, str] = {}
    for given in disposals:
        lines = fields_of(given.body, DISPOSAL)
        why = ring.accepts(given)
        if why:
            found.append(Finding("forged", f"The disposal record of {lines['partition']} is forged: {why}"))
        elif lines["log"] == log:
            taken[lines["partition"]] = lines["digest"]
    return taken


def fingerprint(text: str) -> str:
    """Read a key that the reader knows: its fingerprint in hex, or a file with it or the raw key in base64."""
    if re.fullmatch(r"[0-9a-f]{64}", text):
        return text
    with open(text, encoding="ascii") as file:
        content = file.read().strip()
    if re.fullmatch(r"[0-9a-f]{64}", content):
        return content
    return hashlib.sha256(base64.b64decode(content, validate=True)).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """Run the check and say what was found."""
    parser = argparse.ArgumentParser(description="Check an exported audit log of the portal.")
    parser.add_argument("export", help="the export (JSON Lines), or the proof")
    parser.add_argument("--proof", action="store_true", help="the file is a proof, not an export")
    parser.add_argument(
        "--key", action="append", required=True, help="public key: fingerprint in hex, or a file"
    )
    parser.add_argument("--since", help="a receipt that was kept: the log must extend it")
    given = parser.parse_args(arguments)
    try:
        receipt = read_document(given.since) if given.since else None
        check = check_proof if given.proof else check_export
        found, what = check(given.export, [fingerprint(text) for text in given.key], receipt)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        print(f"The input cannot be read: {error}", file=sys.stderr)
        return 2
    for finding in found:
        print(f"WRONG  {finding.kind}: {finding.text}.")
    print(f"{'NOT WELL' if found else 'OK'}: {what}" + (", extending the receipt." if receipt else "."))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
