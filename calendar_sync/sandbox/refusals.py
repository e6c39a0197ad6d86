"""What Entra's token endpoint says when it refuses."""

from __future__ import annotations

import uuid
from datetime import datetime

from calendar_sync.sandbox.messages import Response

# AADSTS number: error, suberror, the sentence.
_REFUSALS = {
    50057: ("invalid_grant", "", "The user account is disabled."),
    50076: ("interaction_required", "basic_action", "You must use multi-factor authentication to access the resource."),
    50079: ("interaction_required", "basic_action", "You must enroll in multi-factor authentication."),
    50173: ("invalid_grant", "bad_token", "The provided grant has expired due to it being revoked."),
    53003: ("invalid_grant", "message_only", "Access has been blocked by Conditional Access policies."),
    54005: ("invalid_grant", "", "OAuth2 Authorization code was already redeemed, please retry with a new valid code."),
    65001: ("invalid_grant", "consent_required", "The user or administrator has not consented to use the application."),
    70003: ("unsupported_grant_type", "", "The app returned an unsupported grant type."),
    70008: ("invalid_grant", "", "The provided authorization code or refresh token has expired due to inactivity."),
    70043: ("invalid_grant", "token_expired", "The refresh token has expired due to sign-in frequency checks."),
    500112: ("invalid_grant", "", "The reply address does not match the one of the authorization code."),
    501481: ("invalid_grant", "", "The Code_Verifier does not match the code_challenge of the authorization request."),
    700005: ("invalid_grant", "", "The authorization code was not issued for this application."),
    700016: ("unauthorized_client", "", "Application was not found in the directory."),
    700082: ("invalid_grant", "bad_token", "The refresh token has expired due to inactivity."),
    7000215: ("invalid_client", "", "Invalid client secret provided."),
    7000222: ("invalid_client", "", "The provided client secret keys are expired."),
    9002313: ("invalid_grant", "", "Invalid request. Request is malformed or invalid."),
}
_CLAIMS = '{"access_token":{"capolids":{"essential":true,"values":["c4a2f7f0-5d8f-4d0e-8f60-7e1f2f6d9e01"]}}}'


def refusal(number: int, now: datetime) -> Response:
    """Return the answer that stands for one AADSTS number."""
    error, suberror, sentence = _REFUSALS[number]
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    stamp = now.strftime("%Y-%m-%d %H:%M:%SZ")
    payload = {
        "error": error,
        "error_description": f"AADSTS{number}: {sentence} Trace ID: {trace} Timestamp: {stamp}",
        "error_codes": [number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"https://login.microsoftonline.com/error?code={number}",
    }
    if suberror:
        payload["suberror"] = suberror
    if number in (50076, 50079, 53003):
        payload["claims"] = _CLAIMS
    return Response(401 if error == "invalid_client" else 400, payload)
