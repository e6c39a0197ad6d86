"""/api/v1, what calls answers. Every path with and without a final slash."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from calls.api.analytics import AnalyticsView, TableView
from calls.api.assistants import AssistantViewSet
from calls.api.control import ControlView
from calls.api.views import CallViewSet, LiveView

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("calls", CallViewSet, "api-call")
router.register("assistants", AssistantViewSet, "api-assistant")

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^live/?$", LiveView.as_view(), name="api-live"),
    re_path(r"^analytics/?$", AnalyticsView.as_view(), name="api-analytics"),
    re_path(r"^analytics/(?P<table>[a-z-]{1,20})/?$", TableView.as_view(), name="api-analytics-table"),
    re_path(r"^calls/(?P<call>[^/]{1,200})/control/?$", ControlView.as_view(), name="api-call-control"),
    *router.urls,
]
