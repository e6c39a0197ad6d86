"""The pages on which a person signs in and agrees: for the demo and for tests that drive a browser."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from calendar_sync.sandbox.entra import OPENID, Entra, callback_url, short_scope
from calendar_sync.sandbox.messages import Request, Response, page, redirect

# What the person does, added to the query that the application sent.
PERSON, DECISION = "sandbox_person", "sandbox_decision"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f2f2f2;color:#1b1b1b}"
    "main{max-width:26rem;margin:4rem auto;padding:2rem;background:#fff;box-shadow:0 2px 6px #0003}"
    "h1{font-size:1.4rem;margin:0 0 1rem}a{display:block;padding:.7rem 1rem;margin:.5rem 0;background:#eee;"
    "color:inherit;text-decoration:none}a.yes{background:#0067b8;color:#fff;text-align:center}"
    "a.no{text-align:center}small{color:#555}"
)


def answer(entra: Entra, request: Request) -> Response:
    """Answer what a browser asks for below /login."""
    if request.segments[-1] == "adminconsent":
        return _admin_consent(entra, request)
    wrong = _wrong_with(entra, request.query)
    if wrong:
        return _page("Sorry, but we're having trouble signing you in.", f"<p>{escape(wrong)}</p>", 400)
    if PERSON not in request.query:
        return _choose_person(entra, request)
    if DECISION in request.query or entra.account(request.query[PERSON]).consent == "granted":
        asked = {name: value for name, value in request.query.items() if name not in {PERSON, DECISION}}
        return redirect(decide(entra, asked, request.query[PERSON], request.query.get(DECISION, "accept")))
    return _consent(entra, request)


def decide(entra: Entra, query: dict[str, str], address: str, decision: str = "accept") -> str:
    """Return where the browser goes after the person's decision: "accept" or "decline".

    With consent set to "admin_approval" nobody can accept.
    """
    account = entra.account(address)
    if account.consent == "admin_approval":
        message = "AADSTS90094: The grant requires admin permission."
        return callback_url(query, {"error": "access_denied", "error_description": message})
    if decision != "accept":
        message = "AADSTS65004: User declined to consent to access the app."
        answer = {"error": "access_denied", "error_subcode": "cancel", "error_description": message}
        return callback_url(query, answer)
    account.consent = "granted"
    return callback_url(query, {"code": entra.issue_code(address, query), "session_state": "sandbox"})


def sign_in(entra: Entra, auth_uri: str, address: str, decision: str = "accept") -> dict[str, str]:
    """Do in one step what a person does in a browser; return the query that reaches the application."""
    query = dict(parse_qsl(urlsplit(auth_uri).query))
    wrong = _wrong_with(entra, query)
    if wrong:
        raise ValueError(wrong)
    return dict(parse_qsl(urlsplit(decide(entra, query, address, decision)).query))


def _wrong_with(entra: Entra, query: dict[str, str]) -> str:
    """Return what is wrong with an authorization request; "" when nothing is."""
    if query.get("client_id") not in entra.clients:
        return "AADSTS700016: Application was not found in the directory."
    if query.get("response_type") != "code" or not query.get("redirect_uri"):
        return "AADSTS900144: The request body must contain response_type=code and a redirect_uri."
    if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
        return "AADSTS9002325: Proof Key for Code Exchange is required for cross-origin authorization code redemption."
    if "offline_access" not in query.get("scope", "").split():
        return "AADSTS70011: The provided value for the input parameter 'scope' is not valid."
    return ""


def _choose_person(entra: Entra, request: Request) -> Response:
    hint = request.query.get("login_hint", "").lower()
    people = sorted(entra.mailboxes.values(), key=lambda person: (person.address != hint, person.name))
    links = "".join(
        f'<a href="{_link(request, person.address)}" data-person="{escape(person.address)}">'
        f"{escape(person.name)}<br><small>{escape(person.address)}</small></a>"
        for person in people
    )
    return _page("Pick an account", links)


def _consent(entra: Entra, request: Request) -> Response:
    address = request.query[PERSON]
    if entra.account(address).consent == "admin_approval":
        back = f'<a class="no" href="{_link(request, address, "decline")}">Return without granting consent</a>'
        return _page("Need admin approval", f"<p>Only an administrator can grant what Pete asks for.</p>{back}")
    scopes = [short_scope(scope) for scope in request.query["scope"].split() if scope not in OPENID]
    wishes = "".join(f"<li>{escape(scope)}</li>" for scope in scopes)
    buttons = (
        f'<a class="yes" id="accept" href="{_link(request, address, "accept")}">Accept</a>'
        f'<a class="no" id="decline" href="{_link(request, address, "decline")}">Cancel</a>'
    )
    return _page(
        "Permissions requested", f"<p>{escape(address)}</p><p>This app would like to:</p><ul>{wishes}</ul>{buttons}"
    )


def _admin_consent(entra: Entra, request: Request) -> Response:
    """Let an administrator agree for everybody."""
    for address in entra.mailboxes:
        entra.account(address).consent = "granted"
    query = {"admin_consent": "True", "tenant": next(iter(entra.mailboxes.values())).tenant_id}
    if "redirect_uri" not in request.query:
        return _page("Thank you", "<p>Everybody in this organization may connect now.</p>")
    return redirect(callback_url(request.query, query))


def _link(request: Request, address: str, decision: str | None = None) -> str:
    query = {**request.query, PERSON: address}
    if decision is not None:
        query[DECISION] = decision
    return escape(f"{request.path}?{urlencode(query)}")


def _page(title: str, body: str, status: int = 200) -> Response:
    # The empty icon keeps browsers from asking Graph for one.
    head = '<meta charset="utf-8"><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">'
    head += f"<title>{title}</title>"
    note = "<p><small>This is a stand-in for Microsoft's sign-in. No password is asked for.</small></p>"
    html = f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head>'
    return page(f"{html}<body><main><h1>{title}</h1>{body}{note}</main></body></html>", status)
