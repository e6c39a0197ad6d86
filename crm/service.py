"""The service's own endpoints: what this is, whether it lives, whether it is ready, its figures."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.views import defaults
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from crm.api import problems
from crm.api.authentication import TokenAuthentication

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2
# Paths whose errors are problem documents, like everything programs use.
PROGRAM_PATHS = ("/api/", "/calendar/", "/search/", "/database/")
# Set by a proxy: the request comes from somewhere else.
FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP")


@require_safe
def index(request: HttpRequest) -> HttpResponseBase:
    """Tell a program what this is; send a person to the dashboard."""
    if request.get_preferred_type(["application/json", "text/html"]) == "text/html":
        response: HttpResponseBase = HttpResponseRedirect("/dashboard")
    else:
        response = JsonResponse(
            {
                "service": "Pete CRM",
                "status": "ok",
                "api": "/api/v1",
                "dashboard": "/dashboard",
                "health": "/health",
                "ready": "/ready",
            }
        )
    response.headers["Vary"] = "Accept"
    return response


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Say that the process answers. Touches no store."""
    return JsonResponse({"status": "ok"})


def check_postgresql() -> None:
    """Raise unless PostgreSQL answers on a connection of its own: the pool's might be waiting for a dead server."""
    known = connection.settings_dict
    named = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    parts: dict[str, Any] = {ours: str(known[theirs]) for ours, theirs in named.items() if known.get(theirs)}
    extra = {name: value for name, value in known["OPTIONS"].items() if name not in ("pool", "connect_timeout")}
    with psycopg.connect(**parts, **{**extra, "connect_timeout": CHECK_SECONDS}) as own:
        own.execute(f"SET statement_timeout = {CHECK_SECONDS * 1000}")
        own.execute("SELECT 1")


def check_valkey() -> None:
    """Raise unless Valkey answers."""
    with redis.from_url(
        settings.REDIS_URL, socket_timeout=CHECK_SECONDS, socket_connect_timeout=CHECK_SECONDS
    ) as client:
        client.ping()


def _checked(name: str, check: Callable[[], None]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        check()
    except (psycopg.Error, redis.RedisError, OSError) as exc:
        # The address and the user are in the message: for the log, not for anyone who asks.
        logger.warning("%s does not answer: %s", name, exc)
        return {"status": "failed"}
    return {"status": "ok", "milliseconds": round((time.perf_counter() - started) * 1000, 1)}


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Say whether requests can be served: 200, or 503 when a store does not answer."""
    checks = {"postgresql": check_postgresql, "valkey": check_valkey}
    dependencies = {name: _checked(name, check) for name, check in checks.items()}
    works = all(dependency["status"] == "ok" for dependency in dependencies.values())
    body = {"status": "ok" if works else "failed", "dependencies": dependencies}
    return JsonResponse(body, status=200 if works else 503)


def _is_local(request: HttpRequest) -> bool:
    if any(name in request.headers for name in FORWARDING_HEADERS):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR") or "").is_loopback
    except ValueError:
        return False


def _is_known(request: HttpRequest) -> bool:
    """Say whether a token that may read, or a session, came with the request. Raises APIException for a bad token."""
    found = TokenAuthentication().authenticate(Request(request))
    if found is not None:
        return "read" in found[1].scopes
    return getattr(request, "user", AnonymousUser()).is_authenticated


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus: on this machine, or with a token that may read."""
    if not _is_local(request):
        try:
            known = _is_known(request)
        except APIException as exc:
            return problems.problem_response(401, problems.code_of(exc), str(exc.detail))
        if not known:
            return problems.problem_response(401, "not_authenticated", "Send a token with the scope 'read'.")
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a bug: a problem document to programs, a page to people. The log has the traceback."""
    if request.path.startswith(PROGRAM_PATHS):
        return problems.problem_response(500, "server_error", "Something went wrong here; it has been logged.")
    return defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refuses, such as a host name that is not ours."""
    if request.path.startswith(PROGRAM_PATHS):
        return problems.problem_response(400, "bad_request", "This request cannot be understood.")
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown path."""
    if request.path.startswith(PROGRAM_PATHS):
        return problems.not_found(request)
    return defaults.page_not_found(request, exception)
