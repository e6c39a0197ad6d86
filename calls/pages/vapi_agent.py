"""/vapi-agent: talk to an assistant from the browser, or play a caller by text."""

from __future__ import annotations

from typing import Any, cast

import httpx
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from calls.models import Assistant
from calls.practice import model, sessions
from calls.practice.sessions import Session
from config.security import VOICE_POLICY, policy
from crm.errors import CrmError
from crm.models import Agent

TROUBLE = (httpx.HTTPError, KeyError, IndexError)


@login_required
@never_cache
@require_safe
def vapi_agent(request: HttpRequest) -> HttpResponse:
    """The page: a call by voice where Vapi has a public key, a practice call by text in any case."""
    user = cast(Agent, request.user)
    session = Session.load(request.GET.get("practice", ""), user)
    assistants = Assistant.objects.filter(is_active=True).select_related("listing")
    context = {
        "place": "vapi-agent",
        "public_key": settings.VAPI_PUBLIC_KEY,
        "api_url": settings.VAPI_API_URL,
        "assistants": assistants,
        # Those of the demo exist only here.
        "voices": [row for row in assistants if not row.is_demo],
        "words": _words(),
    }
    answer = render(request, "calls/vapi_agent.html", context | _practice(session))
    if settings.VAPI_PUBLIC_KEY:
        answer["Content-Security-Policy"] = policy(VOICE_POLICY, connect_src=settings.VAPI_API_URL)
        answer["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(self)"
    return answer


@login_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin a practice call."""
    chosen = request.POST.get("assistant", "")
    assistant = None
    if chosen:
        rows = Assistant.objects.filter(is_active=True).select_related("listing")
        assistant = rows.filter(vapi_id=chosen[:100].replace("\x00", "")).first()
        if assistant is None:
            raise Http404
    if problem := sessions.obstacle():
        messages.error(request, problem)
        return redirect("vapi-agent")
    user = cast(Agent, request.user)
    session = async_to_sync(sessions.begin)(user.pk, assistant, is_model=model.is_there())
    session.save()
    return _back(request, session)


@login_required
@require_POST
def say(request: HttpRequest, session_id: str) -> HttpResponse:
    """Say one line as the caller."""
    session = _own(request, session_id)
    problem = ""
    try:
        line = sessions.read_line(request.POST.get("text", ""))
        if not session.is_over:
            async_to_sync(sessions.say)(session, line)
    except CrmError as exc:
        problem = exc.message
    except TROUBLE:
        problem = _("The model gave no usable answer. Say it again, or end the call.")
    if session.is_over:
        sessions.give_back(session)
    session.save()
    return _back(request, session, problem)


@login_required
@require_POST
def end(request: HttpRequest, session_id: str) -> HttpResponse:
    """Hang up; what was booked is given back."""
    session = _own(request, session_id)
    async_to_sync(sessions.hang_up)(session)
    sessions.give_back(session)
    session.save()
    return _back(request, session)


def _own(request: HttpRequest, session_id: str) -> Session:
    session = Session.load(session_id, cast(Agent, request.user))
    if session is None:
        raise Http404
    return session


def _back(request: HttpRequest, session: Session, problem: str = "") -> HttpResponse:
    if getattr(request, "htmx", False):
        return render(request, "calls/parts/practice.html", _practice(session) | {"problem": problem})
    if problem:
        messages.error(request, problem)
    return redirect(f"{reverse('vapi-agent')}?practice={session.id}")


def _practice(session: Session | None) -> dict[str, Any]:
    return {
        "session": session,
        "obstacle": sessions.obstacle(),
        "longest": sessions.LONGEST_LINE,
    }


def _words() -> dict[str, str]:
    """Return what the page's script says."""
    return {
        "idle": _("Not connected"),
        "connecting": _("Connecting"),
        "live": _("In a call"),
        "ended": _("Call ended"),
        "you": _("You"),
        "assistant": _("Assistant"),
        "mute": _("Mute"),
        "unmute": _("Unmute"),
        "listening": _("Listening"),
        "speaking": _("Assistant speaks"),
        "insecure": _(
            "The browser gives a microphone only to pages over HTTPS or on this very machine. Open Pete that way."
        ),
        "no_microphone": _(
            "No microphone was found. Plug one in, or choose one in the system's settings, and start again."
        ),
        "refused": _("The microphone was refused. Allow it in the browser's address bar, then start again."),
        "busy": _("Another program holds the microphone. Close it there and start again."),
        "network": _("Vapi cannot be reached. Check the connection of this computer, then start again."),
        "key": _("Vapi does not accept the public key. Check VAPI_PUBLIC_KEY and which sites the key allows."),
        "assistant_gone": _("Vapi does not know this assistant. Compare them under Assistants."),
        "sdk": _("The part of the page that speaks with Vapi could not be loaded. Load the page again."),
        "failed": _("The call could not go on: {why}"),
    }
