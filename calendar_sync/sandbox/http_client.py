"""The http client that MSAL is given when the sandbox stands in for Entra."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx
import requests


class SandboxHttpClient:
    """Takes MSAL's requests for https://login.microsoftonline.com/… to a sandbox at `url`.

    The production authority stays in the settings: MSAL refuses any that is not https, so the mapping happens here.
    """

    def __init__(self, url: str, *, timeout: float = 5.0) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.Client(timeout=timeout, trust_env=False)

    def get(self, url: str, params: Any = None, headers: Any = None, **kwargs: Any) -> httpx.Response:
        """GET as MSAL calls it."""
        return self._request("GET", url, params=params, headers=headers)

    def post(
        self, url: str, params: Any = None, data: Any = None, headers: Any = None, **kwargs: Any
    ) -> httpx.Response:
        """POST as MSAL calls it."""
        return self._request("POST", url, params=params, data=data, headers=headers)

    def close(self) -> None:
        self._http.close()

    def _request(self, method: str, url: str, *, headers: Any, **kwargs: Any) -> httpx.Response:
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        headers = {**(headers or {}), "X-Sandbox-Origin": f"{parts.scheme}://{parts.netloc}"}
        if kwargs["params"] is None:
            del kwargs["params"]
        try:
            return self._http.request(method, f"{self._url}/login{parts.path}{query}", headers=headers, **kwargs)
        except httpx.TransportError as exc:
            # What MSAL's own client, which is of requests, raises.
            raise requests.exceptions.ConnectionError(str(exc)) from exc
