"""/settings/programs: one's own API tokens, and for managers the addresses that are told what happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm.hooks.events import queue
from crm.hooks.secrets import renew_secret
from crm.models import Agent, ApiToken, DeliveryStatus, WebhookEvent, WebhookSubscription
from crm.pages import lists, said
from crm.pages.program_forms import EVENTS, TokenForm, WebhookForm
from crm.rights import sees_everything
from crm.tokens import issue_token

TOKENS, WEBHOOKS = "tokens", "webhooks"
_LABELS = {TOKENS: gettext_lazy("My tokens"), WEBHOOKS: gettext_lazy("Webhooks")}
FORMS: dict[str, Any] = {TOKENS: TokenForm, WEBHOOKS: WebhookForm}
# So long a revocation or a removal can be taken back, and a revoked token stands in the list.
UNDO_FOR = timedelta(hours=1)


@login_required
@never_cache
@require_safe
def programs(request: HttpRequest) -> HttpResponse:
    return _page(request, lists.chosen(request, _shows(request), name="show"))


def _shows(request: HttpRequest) -> list[str]:
    """Return the tabs: a subscriber hears of everybody's leads, so those are the managers' business."""
    return [TOKENS, WEBHOOKS] if sees_everything(cast(Agent, request.user)) else [TOKENS]


def _page(
    request: HttpRequest, show: str, form: Any = None, *, secret: str = "", of: str = "", status: int = 200
) -> HttpResponse:
    tabs = lists.tabs(request, [(name, _LABELS[name]) for name in _shows(request)], {}, name="show", current=show)
    context = {
        "place": "settings",
        "show": show,
        "tabs": tabs,
        "form": form or FORMS[show](),
        "secret": secret,
        "of": of,
        "rows": _tokens(cast(Agent, request.user)) if show == TOKENS else _subscriptions(),
        "now": timezone.now(),
    }
    return render(request, "crm/programs/page.html", context, status=status)


def _tokens(person: Agent) -> QuerySet[ApiToken]:
    revoked = timezone.now() - UNDO_FOR
    return ApiToken.objects.filter(Q(revoked_at=None) | Q(revoked_at__gte=revoked), agent=person)


def _subscriptions() -> list[dict[str, Any]]:
    arrived = Max("deliveries__delivered_at", filter=Q(deliveries__status=DeliveryStatus.DELIVERED))
    words = dict(EVENTS)
    rows = WebhookSubscription.objects.annotate(last_delivery=arrived).values(
        "id", "url", "description", "events", "is_active", "disabled_reason", "last_delivery"
    )
    return [row | {"pk": row["id"], "words": [words[WebhookEvent(name)] for name in row["events"]]} for row in rows]


@login_required
@never_cache
@require_POST
def make_token(request: HttpRequest) -> HttpResponse:
    """Make a token and show it, this once."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, TOKENS, form, status=422)
    wanted = form.cleaned_data
    expires_at = timezone.now() + timedelta(days=wanted["days"]) if wanted["days"] else None
    token, secret = issue_token(
        agent=cast(Agent, request.user), scopes=wanted["scopes"].split(","), name=wanted["name"], expires_at=expires_at
    )
    return _page(request, TOKENS, secret=secret, of=token.name)


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=token_id, agent=cast(Agent, request.user), revoked_at=None)
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    text = _("%(name)s is revoked: programs with it are refused.") % {"name": token.name}
    return said.done(request, _to(TOKENS), text, undo=reverse("token-restore", args=[token.pk]))


@login_required
@require_POST
def restore_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Take back what was revoked within the hour."""
    rows = _tokens(cast(Agent, request.user)).exclude(revoked_at=None)
    token = get_object_or_404(rows, pk=token_id)
    token.revoked_at = None
    token.save(update_fields=["revoked_at"])
    return said.undone(request, _to(TOKENS))


@login_required
@never_cache
@require_POST
def add_webhook(request: HttpRequest) -> HttpResponse:
    """Subscribe an address and show its secret, this once."""
    _require_manager(request)
    form = WebhookForm(request.POST)
    if not form.is_valid():
        return _page(request, WEBHOOKS, form, status=422)
    with transaction.atomic():
        person = cast(Agent, request.user)
        made = WebhookSubscription.objects.create(created_by=person, secret=b"", **form.cleaned_data)
        secret = renew_secret(made)
    return _page(request, WEBHOOKS, secret=secret, of=made.url)


@login_required
@require_POST
def switch_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Switch a subscription off or on again; its undo is the same act."""
    _require_manager(request)
    with transaction.atomic():
        row = get_object_or_404(WebhookSubscription.objects.select_for_update(no_key=True), pk=webhook_id)
        row.is_active, row.disabled_reason = not row.is_active, ""
        row.save(update_fields=["is_active", "disabled_reason"])
        if row.is_active:
            queue(row.pk)
    text = _("It is told again, of what waited too.") if row.is_active else _("It is told nothing more.")
    return said.done(request, _to(WEBHOOKS), text, undo=reverse("webhook-switch", args=[row.pk]))


@login_required
@require_POST
def remove_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Put away a subscription that is switched off, and its log; the night forgets both."""
    _require_manager(request)
    row = get_object_or_404(WebhookSubscription, pk=webhook_id, is_active=False)
    row.removed_at = timezone.now()
    row.save(update_fields=["removed_at"])
    return said.done(request, _to(WEBHOOKS), _("The webhook is gone."), undo=reverse("webhook-restore", args=[row.pk]))


@login_required
@require_POST
def restore_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    """Bring back what was removed within the hour, with its secret and its log; it stays switched off."""
    _require_manager(request)
    since = timezone.now() - UNDO_FOR
    row = get_object_or_404(WebhookSubscription.with_removed, pk=webhook_id, removed_at__gte=since)
    row.removed_at = None
    row.save(update_fields=["removed_at"])
    return said.undone(request, _to(WEBHOOKS))


def _require_manager(request: HttpRequest) -> None:
    if not sees_everything(cast(Agent, request.user)):
        raise PermissionDenied(_("A manager can do this."))


def _to(show: str) -> HttpResponseRedirect:
    return HttpResponseRedirect(f"{reverse('programs')}?show={show}")
