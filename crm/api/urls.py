"""/api/v1, what crm answers. Every path with and without a final slash."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from crm.api.agents import AgentViewSet
from crm.api.appointments import AppointmentViewSet
from crm.api.availability import AvailabilityView
from crm.api.calendars import BusyTimeViewSet, ClosureViewSet
from crm.api.lead_bulk import LeadBulkView
from crm.api.lead_history import DuplicatesView, MergeView, PartView, TimelineViewSet
from crm.api.leads import LeadViewSet, NoteViewSet
from crm.api.listings import ListingViewSet
from crm.api.me import MeView
from crm.api.notices import NoticeViewSet
from crm.api.office import SettingsView
from crm.api.search import SearchView
from crm.api.teams import TeamViewSet
from crm.api.todo import TaskViewSet
from crm.api.tokens import TokenViewSet
from crm.api.webhooks import WebhookViewSet

LEAD = "^leads/(?P<lead>[0-9]{1,18})"
router = SimpleRouter()
router.trailing_slash = "/?"
router.register("leads", LeadViewSet, "api-lead")
router.register("tasks", TaskViewSet, "api-task")
router.register("teams", TeamViewSet, "api-team")
router.register("webhooks", WebhookViewSet, "api-webhook")
router.register("tokens", TokenViewSet, "api-token")
router.register("notices", NoticeViewSet, "api-notice")
router.register("notes", NoteViewSet, "api-note")
router.register("listings", ListingViewSet, "api-listing")
router.register("agents", AgentViewSet, "api-agent")
router.register("appointments", AppointmentViewSet, "api-appointment")
router.register("closures", ClosureViewSet, "api-closure")
router.register("busy-times", BusyTimeViewSet, "api-busy-time")

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^availability/?$", AvailabilityView.as_view(), name="api-availability"),
    re_path(r"^settings/?$", SettingsView.as_view(), name="api-settings"),
    re_path(r"^me/?$", MeView.as_view(), name="api-me"),
    re_path(r"^search/?$", SearchView.as_view(), name="api-search"),
    re_path(r"^leads/bulk/?$", LeadBulkView.as_view(), name="api-lead-bulk"),
    re_path(rf"{LEAD}/timeline/?$", TimelineViewSet.as_view({"get": "list"}), name="api-lead-timeline"),
    re_path(rf"{LEAD}/duplicates/?$", DuplicatesView.as_view(), name="api-lead-duplicates"),
    re_path(rf"{LEAD}/merge/?$", MergeView.as_view(), name="api-lead-merge"),
    re_path(rf"{LEAD}/part/?$", PartView.as_view(), name="api-lead-part"),
    *router.urls,
]
