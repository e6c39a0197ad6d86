"""A plain page on which somebody at a demo is the person in Outlook: look, add, move, delete."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from calendar_sync.sandbox import zones
from calendar_sync.sandbox.mailbox import Event, Mailbox
from calendar_sync.sandbox.messages import GraphError, Request, Response, page, redirect

if TYPE_CHECKING:
    from calendar_sync.sandbox.sandbox import Sandbox

DAYS_SHOWN = 14
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "h2{font-size:1rem;margin:1.5rem 0 .3rem;border-bottom:1px solid #ddd}form{display:inline}"
    "li{margin:.2rem 0}ul{list-style:none;padding:0}button{font:inherit;padding:0 .5rem;margin-left:.3rem}"
    "time{display:inline-block;min-width:8rem;font-variant-numeric:tabular-nums}em{color:#666;font-style:normal}"
)


def front(sandbox: Sandbox) -> Response:
    """Show whose mailboxes there are."""
    people = sorted(sandbox.mailboxes.values(), key=lambda mailbox: mailbox.name)
    links = "".join(
        f'<li><a href="/_sandbox/outlook/{quote(person.address)}">{escape(person.name)}</a>'
        f" <em>{escape(person.address)} · {len(person.events)} events</em></li>"
        for person in people
    )
    return _page("Microsoft 365 stand-in", f"<p>Whose Outlook do you want to open?</p><ul>{links}</ul>")


def answer(sandbox: Sandbox, request: Request, rest: list[str]) -> Response:
    """Show one person's next two weeks, or do what a button says and show them again."""
    address = rest[0].lower() if rest else ""
    if address not in sandbox.mailboxes:
        raise GraphError(404, "NotFound", "Nobody has that address.")
    if request.method == "POST":
        _do(sandbox, address, dict(parse_qsl(request.body.decode())))
        return redirect(f"/_sandbox/outlook/{quote(address)}")
    mailbox = sandbox.mailboxes[address]
    with sandbox.graph.lock:
        now = sandbox.clock()
        shown = mailbox.view(mailbox.default_calendar.id, now - timedelta(hours=12), now + timedelta(days=DAYS_SHOWN))
        return _page(f"Outlook · {mailbox.name}", _add_form(mailbox, now) + "".join(_agenda(mailbox, shown)))


def _do(sandbox: Sandbox, address: str, form: dict[str, str]) -> None:
    outlook = sandbox.outlook(address)
    match form.get("do"):
        case "add":
            start = datetime.fromisoformat(form["start"]).replace(tzinfo=zones.zone(outlook.mailbox.timezone))
            length = timedelta(minutes=int(form.get("minutes", "60")))
            outlook.create(form.get("subject") or "Busy", start, start + length)
        case "delete":
            outlook.delete(form["id"])
        case "move":
            event = outlook.mailbox.event(form["id"])
            outlook.move(event.id, event.start + timedelta(minutes=int(form["minutes"])))
        case _:
            raise GraphError(400, "BadRequest", "The page has no such button.")


def _agenda(mailbox: Mailbox, events: list[Event]) -> Iterable[str]:
    zone = zones.zone(mailbox.timezone)
    for day, of_day in groupby(events, key=lambda event: event.start.astimezone(zone).date()):
        yield f"<h2>{day:%A, %d %B}</h2><ul>{''.join(_row(event, mailbox) for event in of_day)}</ul>"


def _row(event: Event, mailbox: Mailbox) -> str:
    zone = zones.zone(mailbox.timezone)
    ends = [moment.astimezone(zone) for moment in (event.start, event.end)]
    when = "all day" if event.is_all_day else f"{ends[0]:%H:%M} – {ends[1]:%H:%M}"
    words = [event.fields.get("showAs", "busy"), event.fields.get("sensitivity", ""), "Pete" * bool(event.properties)]
    place = (event.fields.get("location") or {}).get("displayName", "")
    note = " · ".join(escape(word) for word in [*words, place] if word and word != "normal")
    buttons = _button(event, "1 h earlier", "move", -60) + _button(event, "1 h later", "move", 60)
    buttons += _button(event, "next day", "move", 1440) + _button(event, "delete", "delete")
    return f"<li><time>{when}</time>{escape(event.fields.get('subject') or '')} <em>{note}</em>{buttons}</li>"


def _button(event: Event, label: str, do: str, minutes: int = 0) -> str:
    values = {"do": do, "id": event.id, "minutes": str(minutes)}
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in values.items())
    return f'<form method="post">{hidden}<button>{label}</button></form>'


def _add_form(mailbox: Mailbox, now: datetime) -> str:
    soon = (now.astimezone(zones.zone(mailbox.timezone)) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:00")
    return (
        '<form method="post"><input type="hidden" name="do" value="add">'
        '<input name="subject" placeholder="Subject" aria-label="Subject">'
        f'<input type="datetime-local" name="start" value="{soon}" aria-label="Start">'
        '<input type="number" name="minutes" value="60" min="5" aria-label="Minutes"><button>Add</button></form>'
    )


def _page(title: str, body: str) -> Response:
    # The empty icon keeps browsers from asking Graph for one.
    head = '<meta charset="utf-8"><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">'
    head += f"<title>{escape(title)}</title>"
    back = '<p><a href="/">All mailboxes</a></p>'
    html = f'<!doctype html><html lang="en"><head>{head}<style>{_STYLE}</style></head>'
    return page(f"{html}<body><h1>{escape(title)}</h1>{body}{back}</body></html>")
