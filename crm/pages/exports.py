"""/export/…: lists as files, everything of one person, everything of the agency."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_safe

from crm import freshness
from crm.exports import agency, lists, person
from crm.exports.formats import FORMATS
from crm.exports.sending import streamed
from crm.models import Agent, Role
from crm.rights import sees_everything, visible_leads

ZIP = "application/zip"


@login_required
@require_safe
def export_list(request: HttpRequest, name: str, extension: str) -> StreamingHttpResponse:
    """A list as it is seen under this address, but to its end."""
    read = lists.find(name)
    if read is None or extension not in FORMATS:
        raise Http404
    freshness.settle()
    listed = read(request, cast(Agent, request.user))
    content_type, written = FORMATS[extension]
    return streamed(request, written(listed.columns, listed.rows), content_type, f"{name}-{_today()}.{extension}")


@login_required
@require_safe
def export_person(request: HttpRequest, lead_id: int) -> StreamingHttpResponse:
    """Everything of one person, for managers."""
    viewer = cast(Agent, request.user)
    lead = get_object_or_404(visible_leads(viewer), pk=lead_id)
    if not sees_everything(viewer):
        raise PermissionDenied
    return streamed(request, person.everything_of(lead), ZIP, f"person-{lead.pk}-{_today()}.zip")


@login_required
@require_safe
def export_agency(request: HttpRequest) -> StreamingHttpResponse:
    """Everything of the agency, for administrators."""
    viewer = cast(Agent, request.user)
    if not (viewer.is_superuser or viewer.role == Role.ADMIN):
        raise PermissionDenied
    return streamed(request, agency.everything(), ZIP, f"agency-{_today()}.zip")


def _today() -> str:
    return timezone.localdate().isoformat()
