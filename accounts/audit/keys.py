"""The keys that sign checkpoints: the private one outside the database, the public ones and their succession inside.

The private key comes from PORTAL_AUDIT_KEY (or its file), else from `PORTAL_HOME/secrets/audit_key`, made at the first
sealing. Only the process that seals needs it. A key that follows another is announced by a statement that both sign:
whoever trusts one of them can trust the other, for the time it was in use.
"""

from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts.audit.verify_export import KEY, NOTHING, KeyRing, KeyStatement, Signed, statement
from accounts.crypto.signing import SigningKey, decode_seed, new_seed, write_seed
from accounts.models.audit_seal import AuditKey


class KeyTrouble(Exception):
    """The signing key is not the one that the log is signed with; the text says what to do."""


def timestamp(moment: datetime) -> str:
    """Return a moment as signed texts write it: UTC, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def key_file() -> Path:
    """Where the embedded default keeps the private key."""
    return Path(settings.HOME) / "secrets" / "audit_key"


def _next_file() -> Path:
    return key_file().with_name("audit_key.next")


def _statement(key: SigningKey, previous: str, moment: datetime) -> str:
    return statement(
        KEY,
        deployment=settings.DEPLOYMENT_ID,
        key=key.fingerprint,
        public=key.public.hex(),
        previous=previous,
        time=timestamp(moment),
    )


def private_key() -> SigningKey | None:
    """Return the private key that this process has been given, or None where it was given none."""
    if settings.AUDIT_KEY:
        return SigningKey(settings.AUDIT_KEY)
    try:
        return SigningKey(decode_seed(key_file().read_text()))
    except FileNotFoundError:
        return None


def signing_key() -> SigningKey:
    """Return the key that signs now; the very first call of an installation makes it and announces it.

    Raises `KeyTrouble` where the log is signed with another key than this process has.
    """
    key = private_key()
    known = list(AuditKey.objects.order_by("sequence").values_list("fingerprint", flat=True))
    if not known:
        if key is None:
            if not settings.AUDIT_KEY_IS_MADE:
                raise KeyTrouble("Set PORTAL_AUDIT_KEY (32 bytes in base64): nothing is sealed until then.")
            write_seed(key_file(), new_seed())
            key = private_key()
        assert key is not None
        _announce(key, None)
        return key
    if key is not None:
        # A row that our key has not signed says nothing about which key follows it.
        ring = KeyRing([key.fingerprint], statements())
        if key.fingerprint in ring.keys and key.fingerprint not in ring.ends:
            return key
        if not settings.AUDIT_KEY and _next_file().exists():
            # A rotation was interrupted after its statement was committed: finish it.
            following = SigningKey(decode_seed(_next_file().read_text()))
            if following.fingerprint in ring.keys:
                _next_file().replace(key_file())
                return following
    raise KeyTrouble(
        f"The audit log is signed with the key {known[-1][:16]}…, and this process has "
        + (f"{key.fingerprint[:16]}…" if key else "none")
        + ". Give it that key (PORTAL_AUDIT_KEY, or secrets/audit_key in PORTAL_HOME); nothing is sealed until then."
    )


def _announce(key: SigningKey, before: SigningKey | None) -> AuditKey:
    now = datetime.now(UTC)
    body = _statement(key, before.fingerprint if before else NOTHING, now)
    return AuditKey.objects.create(
        fingerprint=key.fingerprint,
        sequence=AuditKey.objects.count() + 1,
        public=key.public,
        body=body,
        signature=key.sign(body.encode()),
        previous_signature=before.sign(body.encode()) if before else b"",
        at=now,
    )


def rotate(seed: bytes | None = None) -> AuditKey:
    """Let a new key follow the present one, both signing the statement; call it within the sealer's lock.

    Without `seed` the new key is made here and takes the place of the key file; a kill in between is made good by the
    next sealing. With PORTAL_AUDIT_KEY the operator makes the new seed, and puts it into the environment afterwards.
    """
    before = signing_key()
    if settings.AUDIT_KEY and seed is None:
        raise KeyTrouble("The key comes from PORTAL_AUDIT_KEY: give the new one with --next-key-file.")
    seed = seed or new_seed()
    if not settings.AUDIT_KEY:
        write_seed(_next_file(), seed)
    with transaction.atomic():
        made = _announce(SigningKey(seed), before)
    if not settings.AUDIT_KEY and not transaction.get_connection().in_atomic_block:
        _next_file().replace(key_file())
    return made


def statements() -> list[KeyStatement]:
    """Return the statements of all keys, the oldest first."""
    return [
        KeyStatement(row.body, bytes(row.signature), bytes(row.previous_signature))
        for row in AuditKey.objects.order_by("sequence")
    ]


def trusted_ring() -> KeyRing:
    """Return the keys that follow from this process's own private key: nothing that only the database says counts.

    Raises `KeyTrouble` where this process has no private key.
    """
    key = private_key()
    if key is None:
        raise KeyTrouble(
            "This process has no signing key to compare the log with: set PORTAL_AUDIT_KEY, or run it where"
            " secrets/audit_key of PORTAL_HOME is."
        )
    return KeyRing([key.fingerprint], statements())


def ring_of(fingerprints: list[str]) -> KeyRing:
    """Return the keys that follow from fingerprints that the reader brings."""
    return KeyRing(fingerprints, statements())


def sign(key: SigningKey, body: str) -> Signed:
    """Sign a text."""
    return Signed(body, key.sign(body.encode()))
