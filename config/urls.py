"""Which app answers which path. `/vapi/webhook` is not here: config.asgi hands it to the calls app directly."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from crm.api.described import SchemaView, docs
from crm.api.problems import not_found

urlpatterns = [
    path("admin/", admin.site.urls),
    path("admin", RedirectView.as_view(url="/admin/", query_string=True)),
    re_path(r"^api/schema/?$", SchemaView.as_view(), name="api-schema"),
    re_path(r"^api/docs/?$", docs, name="api-docs"),
    path("api/v1/", include("crm.api.urls")),
    path("api/v1/", include("calls.api.urls")),
    path("api/v1/", include("calendar_sync.api_urls")),
    path("", include("calls.urls")),
    path("", include("calendar_sync.urls")),
    path("", include("crm.urls")),
    # What is under /api or /calendar and known to nobody above.
    re_path(r"^(?:api|calendar)(?:/|$)", not_found),
]

handler400 = "crm.service.bad_request"
handler404 = "crm.service.not_found"
handler500 = "crm.service.server_error"
