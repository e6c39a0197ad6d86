"""/api/v1, what calls answers. Every path with and without a final slash."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from calls.api.analytics import AnalyticsView, TableView
from calls.api.assistants import AssistantViewSet, DifferencesView
from calls.api.control import ControlView
from calls.api.presence import PresenceView
from calls.api.prompts import PreviewView, PromptsView, PromptView, RestoreView, VersionViewSet
from calls.api.runs import ChecksView, HistoryRunViewSet, RehearsalViewSet, ScenariosView
from calls.api.views import CallViewSet, LiveView

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("calls", CallViewSet, "api-call")
router.register("assistants", AssistantViewSet, "api-assistant")
router.register("rehearsals", RehearsalViewSet, "api-rehearsal")
router.register("call-history", HistoryRunViewSet, "api-call-history")
PROMPT = "^prompts/(?P<stage>[a-z]{1,16})"
VERSIONS = f"{PROMPT}/versions"

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^live/?$", LiveView.as_view(), name="api-live"),
    re_path(r"^analytics/?$", AnalyticsView.as_view(), name="api-analytics"),
    re_path(r"^analytics/(?P<table>[a-z-]{1,20})/?$", TableView.as_view(), name="api-analytics-table"),
    re_path(r"^calls/(?P<call>[^/]{1,200})/control/?$", ControlView.as_view(), name="api-call-control"),
    re_path(r"^presence/?$", PresenceView.as_view(), name="api-presence"),
    re_path(r"^checks/?$", ChecksView.as_view(), name="api-checks"),
    re_path(r"^assistants/differences/?$", DifferencesView.as_view(), name="api-assistant-differences"),
    re_path(r"^rehearsals/scenarios/?$", ScenariosView.as_view(), name="api-scenarios"),
    re_path(r"^prompts/?$", PromptsView.as_view(), name="api-prompts"),
    re_path(rf"{PROMPT}/?$", PromptView.as_view(), name="api-prompt"),
    re_path(rf"{PROMPT}/preview/?$", PreviewView.as_view(), name="api-prompt-preview"),
    re_path(rf"{VERSIONS}/?$", VersionViewSet.as_view({"get": "list"}), name="api-prompt-versions"),
    re_path(
        rf"{VERSIONS}/(?P<version>[0-9]{{1,9}})/?$",
        VersionViewSet.as_view({"get": "retrieve"}),
        name="api-prompt-version",
    ),
    re_path(rf"{VERSIONS}/(?P<version>[0-9]{{1,9}})/restore/?$", RestoreView.as_view(), name="api-prompt-restore"),
    *router.urls,
]
