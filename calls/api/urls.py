"""/api/v1, what calls answers. Every path with and without a final slash."""

from django.urls import URLPattern, URLResolver, re_path
from rest_framework.routers import SimpleRouter

from calls.api.assistants import AssistantViewSet
from calls.api.views import CallViewSet, LiveView

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("calls", CallViewSet, "api-call")
router.register("assistants", AssistantViewSet, "api-assistant")

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^live/?$", LiveView.as_view(), name="api-live"),
    *router.urls,
]
