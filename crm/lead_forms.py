"""Forms of the pages about leads."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.bulk import MOST_LEADS
from crm.models import Agent, LeadStage
from crm.rights import assignable

_PICKER = {"class": "picker"}


class SavedViewForm(forms.Form):
    """A name for the filters in force."""

    name = forms.CharField(
        label=_("Name of this view"),
        max_length=60,
        widget=forms.TextInput(attrs={"class": "input", "autocomplete": "off"}),
        error_messages={"required": _("Give the view a name.")},
    )
    is_shared = forms.BooleanField(label=_("Share it with my team"), required=False)
    query = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)


class BulkForm(forms.Form):
    """Many leads, and the one change they get. `change` is "owner" or "stage"."""

    NOBODY = "nobody"

    owner = forms.ChoiceField(required=False, label=_("Assign to"), widget=forms.Select(_PICKER))
    stage = forms.ChoiceField(
        required=False,
        label=_("Stage"),
        choices=[("", _("Move to stage…")), *LeadStage.choices],
        widget=forms.Select(_PICKER),
    )
    lost_reason = forms.CharField(
        required=False,
        max_length=200,
        label=_("Why lost"),
        widget=forms.TextInput({"class": "input", "placeholder": _("Why lost?"), "autocomplete": "off"}),
    )
    act = forms.ChoiceField(choices=[("owner", "owner"), ("stage", "stage")])

    def __init__(self, *args: Any, person: Agent, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(agent.pk): agent for agent in assignable(person)}
        names = [(pk, str(agent)) for pk, agent in self.people.items()]
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ChoiceField)
        owner.choices = [("", _("Assign to…")), (self.NOBODY, _("Nobody")), *names]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.lead_ids:
            raise forms.ValidationError(_("Pick at least one lead first."))
        act = given.get("act")
        if act and not given.get(act):
            raise forms.ValidationError(_("Choose whom to assign to.") if act == "owner" else _("Choose a stage."))
        return given

    @property
    def lead_ids(self) -> list[int]:
        picked = self.data.getlist("lead") if hasattr(self.data, "getlist") else []
        return [int(pk) for pk in picked if pk.isascii() and pk.isdigit() and len(pk) < 19][:MOST_LEADS]

    @property
    def change(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given["act"] == "owner":
            return {"owner": self.people.get(given["owner"])}
        return {"stage": given["stage"], "lost_reason": given["lost_reason"]}
