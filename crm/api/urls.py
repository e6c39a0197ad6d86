"""/api/v1, what crm answers. Every path with and without a final slash."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from crm.api.agents import AgentViewSet
from crm.api.appointments import AppointmentViewSet
from crm.api.availability import AvailabilityView
from crm.api.calendars import BusyTimeViewSet, ClosureViewSet
from crm.api.imports import ImportViewSet
from crm.api.lead_bulk import LeadBulkView
from crm.api.lead_history import DuplicatesView, MergeView, PartView, TimelineViewSet
from crm.api.lead_work import ClaimView, MessageViewSet, ReleaseView
from crm.api.leads import LeadViewSet, NoteViewSet
from crm.api.listing_bulk import ListingBulkView
from crm.api.listings import ListingViewSet
from crm.api.me import MeView
from crm.api.notices import NoticeViewSet, WishesView
from crm.api.office import GiveHoursView, SettingsView
from crm.api.photos import PhotoOrderView, PhotoRestoreView, PhotoViewSet, PictureView
from crm.api.saved_views import SavedViewViewSet
from crm.api.search import SearchView
from crm.api.teams import TeamViewSet
from crm.api.todo import TaskBulkView, TaskViewSet
from crm.api.tokens import TokenViewSet
from crm.api.webhooks import WebhookViewSet

LEAD = "^leads/(?P<lead>[0-9]{1,18})"
PHOTOS = "^listings/(?P<listing>[0-9]{1,18})/photos"
router = SimpleRouter()
router.trailing_slash = "/?"
router.register("leads", LeadViewSet, "api-lead")
router.register("imports", ImportViewSet, "api-import")
router.register("saved-views", SavedViewViewSet, "api-saved-view")
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
    re_path(r"^settings/give-hours/?$", GiveHoursView.as_view(), name="api-give-hours"),
    re_path(r"^me/?$", MeView.as_view(), name="api-me"),
    re_path(r"^search/?$", SearchView.as_view(), name="api-search"),
    re_path(r"^leads/bulk/?$", LeadBulkView.as_view(), name="api-lead-bulk"),
    re_path(r"^listings/bulk/?$", ListingBulkView.as_view(), name="api-listing-bulk"),
    re_path(rf"{PHOTOS}/?$", PhotoViewSet.as_view({"get": "list", "post": "create"}), name="api-listing-photos"),
    re_path(rf"{PHOTOS}/order/?$", PhotoOrderView.as_view(), name="api-listing-photo-order"),
    re_path(
        rf"{PHOTOS}/(?P<pk>[0-9]{{1,18}})/?$",
        PhotoViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="api-listing-photo",
    ),
    re_path(
        rf"{PHOTOS}/(?P<photo>[0-9]{{1,18}})/restore/?$", PhotoRestoreView.as_view(), name="api-listing-photo-back"
    ),
    re_path(
        rf"{PHOTOS}/(?P<photo>[0-9]{{1,18}})/(?P<size>large|small)/?$",
        PictureView.as_view(),
        name="api-listing-picture",
    ),
    re_path(r"^tasks/bulk/?$", TaskBulkView.as_view(), name="api-task-bulk"),
    re_path(r"^notices/wishes/?$", WishesView.as_view(), name="api-notice-wishes"),
    re_path(rf"{LEAD}/claim/?$", ClaimView.as_view(), name="api-lead-claim"),
    re_path(rf"{LEAD}/release/?$", ReleaseView.as_view(), name="api-lead-release"),
    re_path(
        rf"{LEAD}/messages/?$", MessageViewSet.as_view({"get": "list", "post": "create"}), name="api-lead-messages"
    ),
    re_path(rf"{LEAD}/timeline/?$", TimelineViewSet.as_view({"get": "list"}), name="api-lead-timeline"),
    re_path(rf"{LEAD}/duplicates/?$", DuplicatesView.as_view(), name="api-lead-duplicates"),
    re_path(rf"{LEAD}/merge/?$", MergeView.as_view(), name="api-lead-merge"),
    re_path(rf"{LEAD}/part/?$", PartView.as_view(), name="api-lead-part"),
    *router.urls,
]
