"""/test-suite: what the doctor looks at, made from a page, one check at a time; for managers."""

from __future__ import annotations

import time
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from config import doctor
from crm.models import Agent
from crm.rights import sees_everything


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def suite(request: HttpRequest) -> HttpResponse:
    """All checks; posted without JavaScript, with what each of them found."""
    _require_manager(request)
    is_run = request.method == "POST"
    names = doctor.names()
    rows = [_run(number, name) if is_run else _row(number, name) for number, name in enumerate(names)]
    return render(request, "calls/test_suite.html", {"place": "test-suite", "rows": rows})


@login_required
@never_cache
@require_POST
def check(request: HttpRequest, number: int) -> HttpResponse:
    """Make one check and answer its line."""
    _require_manager(request)
    names = doctor.names()
    if number >= len(names):
        raise Http404
    return render(request, "calls/parts/check.html", {"row": _run(number, names[number])})


def _require_manager(request: HttpRequest) -> None:
    if not sees_everything(cast(Agent, request.user)):
        raise PermissionDenied


def _row(number: int, name: str) -> dict[str, Any]:
    return {"number": number, "name": name, "is_required": name in doctor.REQUIRED}


def _run(number: int, name: str) -> dict[str, Any]:
    began = time.monotonic()
    result = doctor.examine_one(name)
    ms = round((time.monotonic() - began) * 1000)
    return _row(number, name) | {"result": result, "finding": _sentence(result.finding), "ms": ms}


def _sentence(finding: str) -> str:
    """On the command line a finding goes on after the check's name; here it stands alone."""
    return finding if finding.startswith("http") else finding[:1].upper() + finding[1:]
