"""Django's settings, derived from the environment (portal.environment) and nothing else."""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF
from django.utils.translation import gettext_lazy as _

from portal import logs
from portal.environment import (
    WrongEnvironment,
    parse_database_url,
    parse_email_url,
    read_environment,
)
from portal.key_environment import decode_root_key
from portal.locations import (
    UnusableFolder,
    local_root_keys,
    locate,
    remembered_deployment,
    remembered_metrics_token,
    remembered_secret_key,
)
from portal.sign_in_environment import secret_or_empty

CODE = Path(__file__).resolve().parent.parent

try:
    ENVIRONMENT = read_environment()
    LOCATIONS = locate(ENVIRONMENT.home)
    SECRET_KEY = (
        ENVIRONMENT.secret_key.get_secret_value()
        if ENVIRONMENT.secret_key
        else remembered_secret_key(LOCATIONS)
    )
    ROOT_KEY_PROVIDER = ENVIRONMENT.root_key_provider
    TRANSIT = ENVIRONMENT.transit
    ROOT_KEY, ROOT_KEY_PREVIOUS = local_root_keys(ENVIRONMENT, LOCATIONS)
    # Signs the audit log's checkpoints. Empty: `secrets/audit_key` in HOME, made by the first process that seals.
    AUDIT_KEY = decode_root_key(ENVIRONMENT.audit_key.get_secret_value()) if ENVIRONMENT.audit_key else b""
    DEPLOYMENT_ID = str(ENVIRONMENT.deployment_id or remembered_deployment(LOCATIONS))
except (WrongEnvironment, UnusableFolder) as problem:
    sys.exit(str(problem))

# With a database of its own the home is as lasting as the log; a container's may not be.
AUDIT_KEY_IS_MADE = ENVIRONMENT.embedded_database
HOME = LOCATIONS.home
# Days for which audit records are kept; whole months are dropped once their last day is older.
AUDIT_RETENTION_DAYS = ENVIRONMENT.audit_retention
# Where people work: reviews mark what was done with guarded data outside working hours.
WORK_ZONE = ENVIRONMENT.work_zone
RUN = LOCATIONS.run
MLFLOW_SOCKET = LOCATIONS.mlflow_socket
BLOB_ROOT = HOME / "blobs"
LOCAL_STATE = LOCATIONS.local
LOCAL_CPUS = ENVIRONMENT.local_cpus
LOCAL_DISK_BYTES = ENVIRONMENT.local_disk_bytes
LOCAL_FILE_BYTES = ENVIRONMENT.local_file_bytes
LOCAL_JOBS = ENVIRONMENT.local_jobs
LOCAL_LOG_BYTES = ENVIRONMENT.local_log_bytes
LOCAL_MAX_CPUS = ENVIRONMENT.local_max_cpus
LOCAL_MAX_MEMORY_BYTES = ENVIRONMENT.local_max_memory_bytes
LOCAL_MAX_WALL_SECONDS = ENVIRONMENT.local_max_wall_seconds
LOCAL_MEMORY_BYTES = ENVIRONMENT.local_memory_bytes
LOCAL_PROCESSES = ENVIRONMENT.local_processes
LOCAL_STOP_SECONDS = ENVIRONMENT.local_stop_seconds
LOCAL_WALL_SECONDS = ENVIRONMENT.local_wall_seconds
ARTIFACT_ROOT = HOME / "artifacts"

PORTAL_NAME = "MLOps Portal"
BASE_URL = ENVIRONMENT.base_url or ENVIRONMENT.own_url
# Where workloads on this machine reach the portal: past a proxy that stands in front of BASE_URL.
INTERNAL_URL = ENVIRONMENT.internal_url or ENVIRONMENT.own_url
HTTPS = BASE_URL.startswith("https://")
DEBUG = ENVIRONMENT.debug
# Hosts and networks that accounts.outbound calls though they are internal.
OUTBOUND_ALLOW = ENVIRONMENT.outbound_allow
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts or [
    str(urlsplit(BASE_URL).hostname),
    "localhost",
    "127.0.0.1",
    "[::1]",
]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_prometheus",
    "django_htmx",
    "csp",
    "accounts",
    "projects",
    "clusters",
    "registry",
    "portal",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "portal.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.problems.ProblemMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [CODE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]

DATABASE_ROLE = ENVIRONMENT.database_role


def _database(url: str) -> dict[str, Any]:
    """Return a DATABASES entry for one address; whatever else the address says goes to libpq unread."""
    parameters = parse_database_url(url)
    database: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parameters.pop("dbname", "portal"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"application_name": f"portal-{DATABASE_ROLE}", "connect_timeout": "10", **parameters},
    }
    if DATABASE_ROLE == "app":
        # A request never waits for ever behind somebody's lock: what cannot be recorded in time is refused in time.
        given = database["OPTIONS"].get("options", "")
        database["OPTIONS"]["options"] = f"{given} -c lock_timeout=4s -c statement_timeout=30s".strip()
    if DATABASE_ROLE != "owner":
        database["OPTIONS"]["pool"] = {
            "min_size": 1,
            "max_size": ENVIRONMENT.database_pool_size,
            "timeout": 10,
        }
    return database


DATABASES = {"default": _database(ENVIRONMENT.url_of(DATABASE_ROLE) or LOCATIONS.database_url(DATABASE_ROLE))}
MLFLOW_DATABASE_URL = ENVIRONMENT.url_of("mlflow") or LOCATIONS.database_url("mlflow")

REDIS_URL = ENVIRONMENT.redis_url.get_secret_value() if ENVIRONMENT.redis_url else LOCATIONS.redis_url

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_AGE = ENVIRONMENT.session_seconds
SESSION_IDLE_SECONDS = ENVIRONMENT.session_idle_seconds
# Over plain http the portal is one person's, on the machine before them.
REQUIRE_MFA = ENVIRONMENT.require_mfa or ("admins" if HTTPS else "nobody")
OIDC_ISSUER = ENVIRONMENT.oidc_issuer
OIDC_CLIENT_ID = ENVIRONMENT.oidc_client_id
OIDC_CLIENT_SECRET = secret_or_empty(ENVIRONMENT.oidc_client_secret)
OIDC_NAME = ENVIRONMENT.oidc_name
OIDC_SCOPES = ENVIRONMENT.oidc_scopes
OIDC_GROUPS_CLAIM = ENVIRONMENT.oidc_groups_claim
OIDC_GROUPS = ENVIRONMENT.oidc_groups
OIDC_CREATE_USERS = ENVIRONMENT.oidc_create_users
OIDC_CA_FILE = ENVIRONMENT.oidc_ca_file
LDAP_URL = ENVIRONMENT.ldap_url
LDAP_START_TLS = ENVIRONMENT.ldap_start_tls
LDAP_CA_FILE = ENVIRONMENT.ldap_ca_file
LDAP_BIND_DN = ENVIRONMENT.ldap_bind_dn
LDAP_BIND_PASSWORD = secret_or_empty(ENVIRONMENT.ldap_bind_password)
LDAP_BASE = ENVIRONMENT.ldap_base
LDAP_USER_FILTER = ENVIRONMENT.ldap_user_filter
LDAP_ID_ATTRIBUTE = ENVIRONMENT.ldap_id_attribute
LDAP_GROUP_BASE = ENVIRONMENT.ldap_group_base or ENVIRONMENT.ldap_base
LDAP_GROUP_FILTER = ENVIRONMENT.ldap_group_filter
LDAP_GROUPS = ENVIRONMENT.ldap_groups
LDAP_CREATE_USERS = ENVIRONMENT.ldap_create_users
# A __Host- cookie is taken from this very host only, over https, for every path: no neighbour can set it.
_HOST = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = f"{_HOST}session"
CSRF_COOKIE_NAME = f"{_HOST}csrf"
DEVICE_COOKIE_NAME = f"{_HOST}device"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SAMESITE = "Lax"
# Scripts take the token from the page.
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [BASE_URL]
CSRF_FAILURE_VIEW = "portal.problems.csrf_failed"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    # The kubelet and Prometheus speak plain HTTP to the pod.
    SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# Preloading a whole domain into browsers is its owner's decision, not one application's.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# Without a mail server notices stay in the portal.
EMAIL_ON = ENVIRONMENT.email_url is not None
EMAIL_FROM_HOST = ENVIRONMENT.email_from.rpartition("@")[2] or urlsplit(BASE_URL).hostname or "localhost"
DEFAULT_FROM_EMAIL = ENVIRONMENT.email_from or f"portal@{EMAIL_FROM_HOST}"
EMAIL_TIMEOUT = 10
if ENVIRONMENT.email_url is not None:
    globals().update(parse_email_url(ENVIRONMENT.email_url.get_secret_value()))

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ko", _("Korean"))]
LOCALE_PATHS = [CODE / "locale"]
LANGUAGE_COOKIE_SAMESITE = "Lax"

STATIC_URL = "/static/"
STATIC_ROOT = LOCATIONS.static
STATICFILES_DIRS = [CODE / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "portal.assets.Assets"},
}
DATASET_MAX_FILE_BYTES = ENVIRONMENT.dataset_max_file_bytes
# Uploads stop before the blob store's disk has less than this left: the database needs some to keep working.
DISK_RESERVE_BYTES = ENVIRONMENT.disk_reserve_bytes
# Uploads beyond this go through the plain ASGI transfers, never through a Django view.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MLOps portal",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "portal.schema.complete"],
    "ENUM_NAME_OVERRIDES": {
        "OperationStateEnum": "projects.models.operation.State",
        "AccountStateEnum": "accounts.models.account.Account.State",
        "AuditVerificationStateEnum": "accounts.models.audit_seal.AuditVerification.State",
        "AuditLogStateEnum": "accounts.audit.status.STATES",
        "AuditReceiptKindEnum": "accounts.audit.status.RECEIPT_KINDS",
        "AuditProofKindEnum": "accounts.audit.proofs.PROOF_KINDS",
        "AuditForwardKindEnum": "projects.models.forwarding.ForwardTarget.Kind",
        "AuditForwardStateEnum": "projects.models.forwarding.ForwardTarget.State",
        "LinkStateEnum": "accounts.models.link.TrustLink.State",
        "LinkPermissionEnum": "accounts.links.PERMISSIONS",
        "AccountStartEnum": "accounts.models.account.Account.Start",
        "AccountKindEnum": "accounts.models.account.Account.Kind",
        "CredentialTestOutcomeEnum": "accounts.models.credential.CredentialTest.Outcome",
        "CredentialKindEnum": "accounts.models.credential.Credential.Kind",
        "RevisionStateEnum": "registry.models.endpoint.Revision.State",
        "DatasetVersionStateEnum": "registry.models.dataset.DatasetVersion.State",
        "RoleEnum": "projects.permissions.Role",
        "PlatformRoleEnum": "accounts.models.user.PlatformRole",
        "KeyStateEnum": "accounts.models.key.KeyState",
        "KeyRotationKindEnum": "accounts.models.key.KeyRotation.Kind",
        "KeyDestructionStateEnum": "accounts.models.key.KeyDestruction.State",
        "KeyRotationStateEnum": "accounts.models.key.KeyRotation.State",
        "RobotStateEnum": "projects.models.robot.RobotState",
        "ApprovalStateEnum": "projects.models.access.ApprovalRequest.State",
        "AuditOutcomeEnum": "accounts.models.audit.Outcome",
        "PermissionEnum": "projects.permissions.PERMISSION_CHOICES",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

PROMETHEUS_EXPORT_MIGRATIONS = False
METRICS_TOKEN = (
    ENVIRONMENT.metrics_token.get_secret_value()
    if ENVIRONMENT.metrics_token
    else remembered_metrics_token(LOCATIONS)
)

LOGGING = logs.configure(ENVIRONMENT.log_level)
