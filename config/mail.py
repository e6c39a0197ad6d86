"""Turn EMAIL_URL into Django's mail settings."""

from urllib.parse import parse_qs, unquote, urlsplit

from config.environment import ConfigurationError

_BACKENDS = "django.core.mail.backends"


def email_settings(url: str) -> dict[str, object]:
    """Return the settings for `file:///folder`, `console://`, `smtp://user:password@host:port` or `smtps://…`.

    `smtp://…?tls=1` starts TLS on the plain port; `smtps` is encrypted from the first byte.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return {"EMAIL_BACKEND": f"{_BACKENDS}.filebased.EmailBackend", "EMAIL_FILE_PATH": unquote(parts.path)}
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": f"{_BACKENDS}.console.EmailBackend"}
    if parts.scheme in {"smtp", "smtps"} and parts.hostname:
        start_tls = parse_qs(parts.query).get("tls", ["0"])[0] == "1"
        return {
            "EMAIL_BACKEND": f"{_BACKENDS}.smtp.EmailBackend",
            "EMAIL_HOST": parts.hostname,
            "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 587 if start_tls else 25),
            "EMAIL_HOST_USER": unquote(parts.username or ""),
            "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
            "EMAIL_USE_SSL": parts.scheme == "smtps",
            "EMAIL_USE_TLS": start_tls,
            "EMAIL_TIMEOUT": 20,
        }
    raise ConfigurationError("EMAIL_URL must be file:///folder, console://, smtp://host:port or smtps://host:port.")
