"""Structured logs: one JSON object a line on standard error, with the request's id, and secrets blacked out."""

import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"
_SECRET_NAMES = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|cookie|session_?key|api_?key|root_?key|private_?key"
    r"|credential|kubeconfig|dsn|csrf",
    re.IGNORECASE,
)
# Ids and counts whose names merely mention a secret.
_HARMLESS_NAMES = re.compile(r"_(id|count|name|kind|prefix)$", re.IGNORECASE)
_SECRET_TEXTS = (
    (re.compile(r"\bmlp_[A-Za-z0-9_\-]{8,}"), "mlp_" + REDACTED),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{8,}"), r"\1 " + REDACTED),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.\-]*://[^\s:/@]*):[^\s@/]+@"), r"\1:" + REDACTED + "@"),
    (
        re.compile(r"(?i)\b(password|passwd|secret|token)(['\"]?\s*[=:]\s*['\"]?)[^\s'\",&;]+"),
        r"\1\2" + REDACTED,
    ),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        REDACTED,
    ),
)


def redact_text(text: str) -> str:
    """The text without anything that looks like a secret."""
    for pattern, replacement in _SECRET_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def _redact(value: Any) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {key: _redact_named(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redact(item) for item in value]
    return value


def _redact_named(name: str, value: Any) -> Any:
    if (
        _SECRET_NAMES.search(name)
        and not _HARMLESS_NAMES.search(name)
        and value not in (None, "", True, False)
    ):
        return REDACTED
    return _redact(value)


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> MutableMapping[str, Any]:
    """A structlog processor: secrets leave by name of the field and by the look of the text."""
    return {name: _redact_named(name, value) for name, value in event.items()}


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def configure(level: str) -> dict[str, Any]:
    """Set structlog up, and return what the standard library's dictConfig needs to speak the same format."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    # Rendered before the redaction, and without local variables: those hold secrets.
                    structlog.processors.format_exc_info,
                    redact_event,
                    structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "propagate": True},
            # Every 4xx is the caller's affair, and in the request line already.
            "django.request": {"level": "ERROR"},
            "django.security": {"level": "ERROR"},
            "uvicorn": {"handlers": [], "level": level},
            "uvicorn.access": {"handlers": [], "level": "WARNING"},
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "psycopg.pool": {"level": "WARNING"},
            "celery": {"level": level},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
        },
    }
