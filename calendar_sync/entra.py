"""MSAL as Pete uses it: which application it is, how it reaches Entra, which of its errors pass."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import msal
import requests
from django.conf import settings

from calendar_sync.clouds import cloud, is_configured
from calendar_sync.sandbox.http_client import SandboxHttpClient
from crm.errors import PermanentError, TransientError

TIMEOUT_SECONDS = 5.0
# Where Entra does not say how long a token lives MSAL assumes ten minutes. The longest of its tokens live 28 hours.
_ASSUMED_LIFETIME, _LONGEST_LIFETIME = 600, 48 * 3600
# What MSAL remembers of Entra: discovery for a day, refusals for as long as Entra asks. One for each thread, because
# MSAL's own lock does not reach from one application to another.
_memory = threading.local()


class NotConfigured(PermanentError):
    """MS_CLIENT_ID and MS_CLIENT_SECRET are missing."""


@contextmanager
def speaking_to_entra() -> Iterator[None]:
    """Turn what MSAL raises when Entra does not answer properly into TransientError.

    The messages of MSAL's errors stay here: they may repeat what was sent.
    """
    try:
        yield
    except (msal.exceptions.MsalServiceError, requests.RequestException, json.JSONDecodeError, TypeError) as exc:
        raise TransientError(f"Microsoft's sign-in does not answer: {type(exc).__name__}") from None


@lru_cache(maxsize=4)
def _sandbox_client(url: str) -> SandboxHttpClient:
    return SandboxHttpClient(url, timeout=TIMEOUT_SECONDS)


# A forked worker must not speak over its parent's connections.
os.register_at_fork(after_in_child=_sandbox_client.cache_clear)


def _http_cache(key: tuple[str, str]) -> dict[str, Any]:
    if getattr(_memory, "key", None) != key:
        _memory.key, _memory.http_cache = key, {}
    cache: dict[str, Any] = _memory.http_cache
    return cache


def application(cache: msal.TokenCache) -> msal.ConfidentialClientApplication:
    """Return this installation's application over one person's tokens.

    Raises NotConfigured, or TransientError when Entra cannot be found.
    """
    if not is_configured():
        raise NotConfigured("MS_CLIENT_ID and MS_CLIENT_SECRET are not set.")
    where = cloud()
    options: dict[str, Any] = {"timeout": TIMEOUT_SECONDS}
    if where.sandbox_url:
        options = {"http_client": _sandbox_client(where.sandbox_url)}
    if not where.is_known:
        options["instance_discovery"] = False
    with speaking_to_entra():
        try:
            return msal.ConfidentialClientApplication(
                settings.MS_CLIENT_ID,
                client_credential=settings.MS_CLIENT_SECRET,
                authority=where.authority,
                token_cache=cache,
                http_cache=_http_cache((where.authority, where.sandbox_url)),
                **options,
            )
        except json.JSONDecodeError:
            raise
        except ValueError:
            raise TransientError(f"Microsoft's sign-in cannot be found at MS_AUTHORITY {where.authority}.") from None


def lifetime_of(result: Mapping[str, Any]) -> int:
    """Return for how many seconds the token of an answer is good."""
    try:
        return min(max(int(result["expires_in"]), 0), _LONGEST_LIFETIME)
    except (KeyError, TypeError, ValueError, OverflowError):
        return _ASSUMED_LIFETIME


def begin(cache: msal.TokenCache, *, redirect_uri: str, login_hint: str) -> dict[str, Any]:
    """Return MSAL's sign-in under way, with PKCE: its "auth_uri" is for the browser, the rest is secret."""
    app = application(cache)
    with warnings.catch_warnings():
        # A form posted across sites comes without the session's cookie, so the answer comes in the query.
        warnings.filterwarnings("ignore", "response_mode='form_post' is recommended")
        flow: dict[str, Any] = app.initiate_auth_code_flow(
            cloud().scopes, redirect_uri=redirect_uri, prompt="select_account", login_hint=login_hint
        )
    return flow
