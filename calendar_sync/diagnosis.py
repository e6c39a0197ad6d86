"""What a refusal of Microsoft's means: for the connection, and in words with the cure for the people concerned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from calendar_sync.models import ConnectionStatus

RECONNECT, ADMIN, BROKEN = (
    ConnectionStatus.NEEDS_RECONNECT,
    ConnectionStatus.ADMIN_ACTION,
    ConnectionStatus.ERROR,
)
_SIGN_IN_AGAIN = _("Reconnect Microsoft 365: sign in once more with the same account.")
_TENANT_ADMIN = _("Your company's Microsoft 365 administrator must act. Pete goes on by itself once that is done.")
_OPERATOR = _("Whoever runs Pete must correct MS_CLIENT_ID and MS_CLIENT_SECRET. Nobody needs to reconnect.")
_OTHERWISE = _("Pete tries again every hour. If it stays, disconnect and connect again.")


@dataclass(frozen=True)
class Diagnosis:
    """`code` is Microsoft's: AADSTS700082, ErrorAccessDenied. `text` says what is wrong, `cure` what to do."""

    status: ConnectionStatus
    code: str
    text: str
    cure: str
    # Entra's word, which says more where the code is not known.
    error: str = ""
    # It concerns this installation, not a person: everybody's connection is affected.
    is_operators: bool = False


# By Microsoft's code: how the connection stands, what happened, what to do.
_MEANINGS: dict[str, tuple[ConnectionStatus, Any, Any]] = {
    "AADSTS50173": (RECONNECT, _("The sign-in was revoked, for example by a password reset."), _SIGN_IN_AGAIN),
    "AADSTS700082": (RECONNECT, _("The sign-in ran out because it was not used for 90 days."), _SIGN_IN_AGAIN),
    "AADSTS70008": (RECONNECT, _("The sign-in ran out."), _SIGN_IN_AGAIN),
    "AADSTS70043": (RECONNECT, _("Your company asks for a new sign-in from time to time."), _SIGN_IN_AGAIN),
    "AADSTS50076": (RECONNECT, _("Your company now asks for a second factor."), _SIGN_IN_AGAIN),
    "AADSTS50079": (RECONNECT, _("Your company now asks you to set up a second factor."), _SIGN_IN_AGAIN),
    "AADSTS65001": (RECONNECT, _("The permission for Pete was withdrawn."), _SIGN_IN_AGAIN),
    "AADSTS50057": (ADMIN, _("The Microsoft account is disabled."), _TENANT_ADMIN),
    "AADSTS50105": (ADMIN, _("The Microsoft account is not assigned to Pete."), _TENANT_ADMIN),
    "AADSTS53003": (ADMIN, _("A conditional access policy of your company keeps Pete out."), _TENANT_ADMIN),
    "AADSTS90094": (ADMIN, _("Your company lets only administrators approve Pete."), _TENANT_ADMIN),
    "AADSTS700016": (ADMIN, _("Microsoft does not know this installation's application."), _OPERATOR),
    "AADSTS7000215": (ADMIN, _("The secret of this installation's application is wrong."), _OPERATOR),
    "AADSTS7000222": (ADMIN, _("The secret of this installation's application has expired."), _OPERATOR),
    "InvalidAuthenticationToken": (RECONNECT, _("Microsoft no longer accepts the sign-in."), _SIGN_IN_AGAIN),
    "insufficient_claims": (RECONNECT, _("Your company asks for a stronger sign-in."), _SIGN_IN_AGAIN),
    "ErrorAccessDenied": (ADMIN, _("Access to the calendar is denied."), _TENANT_ADMIN),
    "MailboxNotEnabledForRESTAPI": (ADMIN, _("The mailbox is not in Microsoft 365, or has no licence."), _TENANT_ADMIN),
    "ErrorNonExistentMailbox": (ADMIN, _("The account has no mailbox."), _TENANT_ADMIN),
    "missing_scope": (RECONNECT, _("Pete was not given access to the calendar."), _SIGN_IN_AGAIN),
    "disconnected": (RECONNECT, _("The account was disconnected."), _("Connect Microsoft 365 again.")),
    "no_token": (RECONNECT, _("The stored sign-in cannot be used."), _SIGN_IN_AGAIN),
}
OPERATORS = {"AADSTS700016", "AADSTS7000215", "AADSTS7000222"}
# Busy, throttled, called too often: nothing is wrong with the connection.
_TRANSIENT_ERRORS = {"temporarily_unavailable", "server_error", "request_timeout", "too_many_requests"}
_TRANSIENT_NUMBERS = {90033, 90055, 90024, 50196, 50058, 90006}


def diagnose(code: str, error: str = "") -> Diagnosis:
    """Return what one of Microsoft's codes means; `error` is Entra's word for codes not known here."""
    if code in _MEANINGS:
        status, text, cure = _MEANINGS[code]
    elif error in {"invalid_grant", "interaction_required", "consent_required", "login_required"}:
        status, text, cure = RECONNECT, _("Microsoft no longer accepts the sign-in."), _SIGN_IN_AGAIN
    else:
        status, text, cure = BROKEN, _("Microsoft refuses for a reason unknown to Pete."), _OTHERWISE
    return Diagnosis(status, code, str(text), str(cure), error, code in OPERATORS)


def entra_code(result: Mapping[str, Any]) -> str:
    """Return the code in an answer of Entra's that is an error: AADSTS65001, or its word for it."""
    numbers = result.get("error_codes") or []
    return f"AADSTS{numbers[0]}" if numbers else str(result.get("error", ""))[:100]


def is_entras(code: str) -> bool:
    """Say whether a connection's code is Entra's: then a new token proves that all is well. Graph's codes need more."""
    return code in ("", "no_token") or code.startswith("AADSTS")


def diagnose_entra(result: Mapping[str, Any]) -> Diagnosis:
    """Return what an error of the token endpoint means; an empty one is that there was nothing to ask with."""
    if not result:
        return diagnose("no_token")
    return diagnose(entra_code(result), str(result.get("error", "")))


def is_transient(result: Mapping[str, Any]) -> bool:
    """Say whether an error of the token endpoint passes by itself."""
    if result.get("error") in _TRANSIENT_ERRORS:
        return True
    return bool(_TRANSIENT_NUMBERS & set(result.get("error_codes") or []))
