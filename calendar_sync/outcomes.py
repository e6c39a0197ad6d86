"""How a sign-in can end without a connection: each way has a page of its own, with what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from crm.errors import CrmError


@dataclass(frozen=True)
class Outcome:
    """`can_retry` offers to begin again, `for_admin` shows the link with which an administrator agrees for all."""

    status: int
    title: Any
    text: Any
    cure: Any
    can_retry: bool = True
    for_admin: bool = False


class ConnectRefused(CrmError):
    """This sign-in connects nothing. `code` is one of OUTCOMES; `account` and `microsoft` name what was found."""

    def __init__(self, code: str, **details: Any) -> None:
        self.code = code
        super().__init__(str(OUTCOMES[code].title), **details)

    @property
    def outcome(self) -> Outcome:
        return OUTCOMES[self.code]


OUTCOMES = {
    "not_yourself": Outcome(
        403,
        _("Only they can connect it"),
        _("Connecting a calendar means signing in to Microsoft 365 as its owner, so nobody does it for another."),
        _("Send them the link: it leads through the sign-in and back here."),
        can_retry=False,
    ),
    "not_configured": Outcome(
        503,
        _("Microsoft 365 is not set up here"),
        _("This installation has no application at Microsoft yet, so no calendar can be connected."),
        _(
            "Whoever runs Pete sets MS_CLIENT_ID and MS_CLIENT_SECRET. "
            "Until then Pete's own calendar does all the work."
        ),
        can_retry=False,
    ),
    "unreachable": Outcome(
        503,
        _("Microsoft does not answer"),
        _("The sign-in could not be finished because Microsoft's service did not answer as it should."),
        _("Nothing is lost. Try again in a minute."),
    ),
    "wrong_state": Outcome(
        400,
        _("This sign-in is not known here"),
        _("What came back from Microsoft does not belong to a sign-in that was begun in this browser."),
        _("Begin again, and finish in the same browser and the same window."),
    ),
    "another_session": Outcome(
        403,
        _("This sign-in was begun by somebody else"),
        _("It belongs to another person, or to you before you signed out of Pete. Nothing was connected."),
        _("Begin again under your own name."),
    ),
    "already_used": Outcome(
        409,
        _("This sign-in was used already"),
        _("Each sign-in works once. This page was probably opened a second time, by “Back” or “Reload”."),
        _("If your calendar is not connected yet, begin again."),
    ),
    "expired": Outcome(
        410,
        _("This sign-in took too long"),
        _("For safety a sign-in is good for ten minutes."),
        _("Begin again: it takes less than a minute."),
    ),
    "declined": Outcome(
        400,
        _("You did not agree"),
        _("Microsoft asked whether Pete may use your calendar, and the answer was no. Nothing was connected."),
        _("Pete needs to read your calendar so as not to offer your busy times, and to write your viewings into it."),
    ),
    "missing_scope": Outcome(
        403,
        _("Pete was not given your calendar"),
        _("You signed in, but reading and writing your calendar was not among what was allowed."),
        _(
            "Begin again and leave “Have full access to your calendars” ticked. If it is not offered, your company's"
            " Microsoft 365 administrator has limited it."
        ),
        for_admin=True,
    ),
    "admin_approval": Outcome(
        403,
        _("Your company must approve Pete first"),
        _("In your company only an administrator of Microsoft 365 may let a new application in."),
        _("Send this link to your Microsoft 365 administrator. Once they have agreed, begin again."),
        for_admin=True,
    ),
    "wrong_company": Outcome(
        403,
        _("That account is from another company"),
        _("This installation connects the Microsoft 365 accounts of one company, and that account is not among them."),
        _("Begin again and pick your work account."),
    ),
    "colleagues_account": Outcome(
        403,
        _("That is a colleague's account"),
        _("You signed in to Microsoft 365 as somebody else who works here. Nobody connects for another."),
        _("Begin again and pick your own account."),
    ),
    "other_account": Outcome(
        409,
        _("That is another account than before"),
        _("Your calendar is connected with another Microsoft 365 account, and your viewings are in it."),
        _("Begin again with the account you had. To change over for good, disconnect first."),
    ),
    "already_connected": Outcome(
        409,
        _("That account is connected already"),
        _(
            "Another member of staff has connected this Microsoft 365 account. "
            "One account can belong to one person only."
        ),
        _("Begin again with your own account, or ask a manager to disconnect the other one."),
    ),
    "application_refused": Outcome(
        503,
        _("Microsoft does not accept this installation"),
        _("The application's id or secret is wrong, or the secret has run out."),
        _("Whoever runs Pete must correct MS_CLIENT_ID and MS_CLIENT_SECRET. You cannot do anything about it."),
    ),
    "refused": Outcome(
        400,
        _("Microsoft refused the sign-in"),
        _("The sign-in did not succeed, for a reason that only Microsoft knows in full."),
        _("Begin again. If it is refused again, show the code below to your Microsoft 365 administrator."),
    ),
}
