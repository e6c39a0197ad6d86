"""What the one who asks may do: the token's scope first, then the person's role.

Everybody reads. Agents write leads, notes and appointments, and their own working hours and busy times. Listings,
closures, settings and other people need a manager; what concerns administrators needs an administrator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission

from crm.models import Agent, ApiToken

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from rest_framework.request import Request
    from rest_framework.views import APIView


def may_manage(user: Agent | AnonymousUser) -> bool:
    """Say whether this person may change what belongs to others."""
    return isinstance(user, Agent) and (user.is_manager or user.is_superuser)


class SignedIn(BasePermission):
    """Somebody we know, with the scope that the method needs."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        scope = ApiToken.Scope.READ if request.method in SAFE_METHODS else ApiToken.Scope.WRITE
        if isinstance(request.auth, ApiToken) and scope not in request.auth.scopes:
            raise PermissionDenied(f"This token lacks the scope {scope.value!r}.", "insufficient_scope")
        return True


class ManagersWrite(BasePermission):
    """Everybody reads; managers and administrators write."""

    message = "Only a manager or an administrator may change this."
    code = "manager_required"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.method in SAFE_METHODS or may_manage(request.user)


class ManagersDelete(BasePermission):
    """Managers and administrators delete; the rest is not decided here."""

    message = "Only a manager or an administrator may delete this."
    code = "manager_required"

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.method != "DELETE" or may_manage(request.user)


def require_self_or_manager(user: Any, agent_id: int) -> None:
    """Raise PermissionDenied unless `user` is this agent or manages."""
    if user.pk != agent_id and not may_manage(user):
        raise PermissionDenied("This belongs to somebody else; a manager can change it.", "manager_required")
