"""Django settings. Everything that differs between installations comes from the environment (see .env.example)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab
from cryptography.fernet import Fernet
from psycopg.conninfo import conninfo_to_dict

from config import environment as env
from config.admin_look import UNFOLD  # noqa: F401 - a setting
from config.embedded import Layout
from config.mail import email_settings
from config.secret_files import random_text, stored_secret

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = (BASE_DIR / Path(env.text("DATA_DIR", ".data")).expanduser()).resolve()
SECRETS_DIR = DATA_DIR / "secrets"

# Without a DATABASE_URL, Pete brings its own PostgreSQL and makes its own secrets.
EMBEDDED = env.optional("DATABASE_URL") is None
DATABASE_URL = env.text("DATABASE_URL", Layout(DATA_DIR).database_url)
REDIS_URL = env.text("REDIS_URL", Layout(DATA_DIR).redis_url)


def secret(name: str, *, required: bool, make: Callable[[], str] = random_text) -> str:
    """Return a secret from the environment, or one made for this installation in embedded mode, or ''."""
    value = env.optional(name)
    if value is None and EMBEDDED:
        return stored_secret(SECRETS_DIR, name.lower(), make)
    return env.text(name, None if required else "") if value is None else value


DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = secret("SECRET_KEY", required=True)
DEMO = env.boolean("DEMO", True)

HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, minimum=1, maximum=65535)
PUBLIC_URL = env.url("PUBLIC_URL", f"http://{'127.0.0.1' if HOST in ('0.0.0.0', '::') else HOST}:{PORT}")
_PUBLIC = urlsplit(PUBLIC_URL)
HTTPS = _PUBLIC.scheme == "https"

ALLOWED_HOSTS = list(
    dict.fromkeys([*env.listing("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"]), _PUBLIC.hostname or ""])
)
CSRF_TRUSTED_ORIGINS = [f"{_PUBLIC.scheme}://{_PUBLIC.netloc}"]

INSTALLED_APPS = [
    # Before the admin, whose templates and site it replaces.
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "django_htmx",
    "django_vite",
    "crm",
    "calls",
    "calendar_sync",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.security.SecurityHeadersMiddleware",
    "config.static_files.VersionedFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Who is signed in has chosen a language before their browser asks for one.
    "crm.languages.PersonLocaleMiddleware",
    "crm.audit.middleware.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ]
        },
    }
]

# --- Stores ---------------------------------------------------------------------------------------------------------


def database(url: str) -> dict[str, Any]:
    """Return Django's description of the database that a libpq URL names."""
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    options: dict[str, Any] = {"connect_timeout": 5, "application_name": "pete"}
    named = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    options |= {name: value for name, value in parts.items() if name not in named}
    # Requests run in threads that come and go, so connections belong to a pool, not to threads.
    options["pool"] = {"min_size": 1, "max_size": 20, "timeout": 10, "max_idle": 300}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "OPTIONS": options,
        **{theirs: parts[ours] for ours, theirs in named.items() if ours in parts},
    }


def celery_broker(url: str) -> str:
    """Return `url` as Celery spells it: Unix sockets have a scheme of their own there."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    return f"redis+socket://{parts.path}" + (f"?virtual_host={parts.query[3:]}" if parts.query[:3] == "db=" else "")


DATABASES = {"default": database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One store for all four; the prefixes keep them apart without numbered databases, which a cluster does not have.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "pete:cache",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            # A channel waits up to 5 s for a message, which is as long as the client waits for an answer by default:
            # every quiet socket would be closed.
            "hosts": [{"address": REDIS_URL, "socket_timeout": 20}],
            "prefix": "pete:channels",
            "capacity": 500,
        },
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
STATE_BACKEND = env.choice("STATE_BACKEND", "redis", ["redis", "memory"])
CALL_TTL_SECONDS = env.integer("CALL_TTL_SECONDS", 3600, minimum=1)

CELERY_BROKER_URL = celery_broker(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": "pete:celery:", "visibility_timeout": 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
# What no worker took up before the next one comes is not worth doing twice.
EVERY_MINUTE = {"expires": 55}
# UTC: the middle of the night in the Americas.
NIGHTLY = crontab(hour=8, minute=20)
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "heartbeat": {"task": "config.celery.beat_heartbeat", "schedule": 15.0},
    "close-silent-calls": {"task": "calls.tasks.close_silent", "schedule": 60.0, "options": EVERY_MINUTE},
    "project-stragglers": {"task": "calls.tasks.project_stragglers", "schedule": 60.0, "options": EVERY_MINUTE},
    "drop-ended-calls": {"task": "calls.tasks.drop_ended_calls", "schedule": 60.0, "options": EVERY_MINUTE},
    "give-back-practice": {"task": "calls.tasks.give_back_practice", "schedule": 60.0, "options": EVERY_MINUTE},
    "release-expired-holds": {"task": "crm.tasks.release_expired_holds", "schedule": 60.0, "options": EVERY_MINUTE},
    "forget-idempotent-requests": {"task": "crm.tasks.forget_idempotent_requests", "schedule": 3600.0},
    "send-queued-messages": {"task": "crm.tasks.send_queued_messages", "schedule": 60.0, "options": EVERY_MINUTE},
    "seal-audit": {"task": "crm.tasks.seal_audit", "schedule": 60.0, "options": EVERY_MINUTE},
    "forget-old-data": {"task": "crm.tasks.forget_old_data", "schedule": NIGHTLY},
    "tell-what-is-due": {"task": "crm.tasks.tell_what_is_due", "schedule": 60.0, "options": EVERY_MINUTE},
    "send-notices": {"task": "crm.tasks.send_notices", "schedule": 60.0, "options": EVERY_MINUTE},
    "deliver-due-webhooks": {"task": "crm.tasks.deliver_due_webhooks", "schedule": 30.0, "options": {"expires": 28}},
    "forget-webhook-deliveries": {"task": "crm.tasks.forget_webhook_deliveries", "schedule": NIGHTLY},
    "sweep-outbox": {"task": "calendar_sync.tasks.sweep_outbox", "schedule": 30.0, "options": {"expires": 28}},
    "renew-tokens": {"task": "calendar_sync.tasks.renew_tokens", "schedule": 60.0, "options": EVERY_MINUTE},
    "keep-connections-alive": {"task": "calendar_sync.tasks.keep_connections_alive", "schedule": 3600.0},
    "forget-sign-ins": {"task": "calendar_sync.tasks.forget_sign_ins", "schedule": 3600.0},
    "poll-calendars": {"task": "calendar_sync.tasks.poll_calendars", "schedule": 10.0, "options": {"expires": 9}},
    "sweep-calendars": {"task": "calendar_sync.tasks.sweep_calendars", "schedule": 60.0, "options": EVERY_MINUTE},
    "maintain-subscriptions": {
        "task": "calendar_sync.tasks.maintain_subscriptions",
        "schedule": 60.0,
        "options": EVERY_MINUTE,
    },
    "forget-pushes": {"task": "calendar_sync.tasks.forget_pushes", "schedule": NIGHTLY},
    "compare-assistants": {"task": "calls.tasks.compare_assistants", "schedule": NIGHTLY},
    "compare-calendars": {"task": "calendar_sync.tasks.compare_all", "schedule": NIGHTLY},
    "clear-sessions": {"task": "crm.tasks.clear_sessions", "schedule": 60.0, "options": EVERY_MINUTE},
}

# --- People ---------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "crm.Agent"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/dashboard"
LOGOUT_REDIRECT_URL = "/login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
ADMIN_EMAIL = env.text("ADMIN_EMAIL", "admin@pete.local")
ADMIN_PASSWORD = env.text("ADMIN_PASSWORD", "")

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
# Cookies do not know ports: two installations on one host would sign each other's users out.
SESSION_COOKIE_NAME = "pete_session" if HTTPS else f"pete_session_{PORT}"
CSRF_COOKIE_NAME = "pete_csrf" if HTTPS else f"pete_csrf_{PORT}"

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Larger bodies are refused before a view sees them; Vapi's webhook is not Django's and has its own limit.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_242_880

# --- Place and language ---------------------------------------------------------------------------------------------

OFFICE_TZ = env.zone("TIME_ZONE", "America/Chicago")
TIME_ZONE = OFFICE_TZ.key
USE_TZ = True
PHONE_REGION = env.region("PHONE_REGION", "US")
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True

# --- Static files ---------------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_DIST = BASE_DIR / "static" / "dist"
STATICFILES_DIRS = [("dist", STATIC_DIST)]
DJANGO_VITE = {
    "default": {
        "dev_mode": False,
        "manifest_path": STATIC_DIST / ".vite" / "manifest.json",
        "static_url_prefix": "dist",
    }
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.VersionedStorage"},
}
# Vite's files carry a hash in their names and the packages' a version in their addresses: nothing has to be collected.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
# These addresses change with the content, so a browser never has to ask for it again.
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/(dist/assets/.+-[\w-]{8}\.\w+|v-[0-9a-f]{12}/.+)$"
# Before the first build the folder is not there; `manage.py doctor` says so in plain words.
SILENCED_SYSTEM_CHECKS = ["staticfiles.W004", "django_vite.W001"]
# An agent's email is unique whatever its case, by a constraint on lower(email): stricter than what the check looks for.
SILENCED_SYSTEM_CHECKS += ["auth.E003"]

# --- Mail -----------------------------------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Pete <pete@localhost>")
globals().update(email_settings(env.text("EMAIL_URL", f"file://{DATA_DIR / 'mail'}")))

# --- Other systems --------------------------------------------------------------------------------------------------

VAPI_WEBHOOK_SECRET = secret("VAPI_WEBHOOK_SECRET", required=False)
VAPI_HMAC_SECRET = env.text("VAPI_HMAC_SECRET", "")
VAPI_HMAC_ALGORITHM = env.text("VAPI_HMAC_ALGORITHM", "sha256")
VAPI_HMAC_SIGNATURE_HEADER = env.text("VAPI_HMAC_SIGNATURE_HEADER", "x-signature")
VAPI_HMAC_TIMESTAMP_HEADER = env.text("VAPI_HMAC_TIMESTAMP_HEADER", "x-timestamp")
VAPI_HMAC_PAYLOAD = env.text("VAPI_HMAC_PAYLOAD", "{timestamp}.{body}")
VAPI_HMAC_PREFIX = env.text("VAPI_HMAC_PREFIX", "")
VAPI_HMAC_ENCODING = env.choice("VAPI_HMAC_ENCODING", "hex", ["hex", "base64"])
VAPI_API_KEY = env.text("VAPI_API_KEY", "")
VAPI_PUBLIC_KEY = env.text("VAPI_PUBLIC_KEY", "")
VAPI_API_URL = env.url("VAPI_API_URL", "https://api.vapi.ai")
# The credential at Vapi that its messages prove themselves with; without one, the shared secret in a header.
VAPI_CREDENTIAL_ID = env.text("VAPI_CREDENTIAL_ID", "")

# Where the stand-in for Microsoft 365 listens, which then signs people in and keeps their calendars.
MS_SANDBOX_URL = env.text("MS_SANDBOX_URL", "").rstrip("/")
MS_CLIENT_ID = env.text("MS_CLIENT_ID", "sandbox-client" if MS_SANDBOX_URL else "")
MS_CLIENT_SECRET = env.text("MS_CLIENT_SECRET", "sandbox-secret" if MS_SANDBOX_URL else "")
MS_AUTHORITY = env.url("MS_AUTHORITY", "https://login.microsoftonline.com/organizations")
GRAPH_URL = env.url("GRAPH_URL", f"{MS_SANDBOX_URL}/v1.0" if MS_SANDBOX_URL else "https://graph.microsoft.com/v1.0")
CALENDAR_AHEAD_DAYS = env.integer("CALENDAR_AHEAD_DAYS", 60, minimum=1)
CALENDAR_POLL_SECONDS = env.integer("CALENDAR_POLL_SECONDS", 120, minimum=5)
CALENDAR_STALE_MINUTES = env.integer("CALENDAR_STALE_MINUTES", 60, minimum=1)
CALENDAR_TENTATIVE_BLOCKS = env.boolean("CALENDAR_TENTATIVE_BLOCKS", True)
GRAPH_REQUESTS_AT_ONCE = env.integer("GRAPH_REQUESTS_AT_ONCE", 32, minimum=1)
TOKEN_ENCRYPTION_KEYS = [
    key.strip()
    for key in secret("TOKEN_ENCRYPTION_KEYS", required=False, make=lambda: Fernet.generate_key().decode()).split(",")
    if key.strip()
]

# So many requests a minute each token or person may make of the API; past that the answer is 429 with Retry-After.
API_REQUESTS_PER_MINUTE = env.integer("API_REQUESTS_PER_MINUTE", 6000, minimum=1)
# For trying webhooks out: whether they may go to http://localhost, which from the open internet nobody can reach.
WEBHOOKS_TO_LOCALHOST = env.boolean("WEBHOOKS_TO_LOCALHOST", DEBUG)
# Whether staff may also look for homes on the web, and through whom.
OUTSIDE_SEARCH = env.choice("OUTSIDE_SEARCH", "off", ["off", "duckduckgo"])

LLM_URL = env.url("LLM_URL", "http://127.0.0.1:11434/v1")
LLM_MODEL = env.text("LLM_MODEL", "llama3.1")
LLM_API_KEY = env.text("LLM_API_KEY", "")
# To the first word; whatever is asked of the model again counts.
LLM_TIMEOUT_SECONDS = env.integer("LLM_TIMEOUT_SECONDS", 30, minimum=1)
# The protocol at LLM_URL; `auto` takes Ollama's own for an address that ends in /api.
LLM_DIALECT = env.choice("LLM_DIALECT", "auto", ["auto", "openai", "ollama"])
# Answers at once in one web process; the others wait their turn.
LLM_MAX_STREAMS = env.integer("LLM_MAX_STREAMS", 128, minimum=1)
# So many messages of a conversation go to the model.
LLM_WINDOW_MESSAGES = env.integer("LLM_WINDOW_MESSAGES", 40, minimum=2)

# --- Logs -----------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "httpx": {"level": "WARNING"},
        # Its debugging shows authorization codes, and its errors repeat answers that it cannot read, tokens included.
        # What went wrong is in Pete's own words.
        "msal": {"level": "CRITICAL"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "crm.api.schema.PeteSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Pete CRM",
    "DESCRIPTION": (
        "What a person can do in Pete, for programs. Errors are RFC 9457 problems with a stable `code`.\n\n"
        "Some things stay with people, at the page: making tokens, the link by which somebody sets a password, signing "
        "in to Microsoft, hearing a live call, practising with the assistant, everything of one person or of the "
        "agency as a zip, and erasing a person."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["crm.api.schema.program_paths"],
    "POSTPROCESSING_HOOKS": ["crm.api.schema.finish"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
        }
    },
    "SECURITY": [{"token": []}, {"session": []}],
}
