"""The service's own endpoints. Programs may put a slash at the end or not; nothing redirects."""

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, include, path, re_path

from crm import service, views
from crm.api import rentals

urlpatterns: list[URLPattern | URLResolver] = [
    path("", service.index, name="index"),
    re_path(r"^health/?$", service.health, name="health"),
    re_path(r"^ready/?$", service.ready, name="ready"),
    re_path(r"^metrics/?$", service.metrics, name="metrics"),
    re_path(r"^search/rental/?$", rentals.SearchRentalView.as_view(), name="search-rental"),
    re_path(r"^database/status/?$", rentals.DatabaseStatusView.as_view(), name="database-status"),
    re_path(r"^database/rentals/?$", rentals.RentalsView.as_view({"get": "list"}), name="database-rentals"),
    re_path(
        r"^database/available/?$", rentals.AvailableRentalsView.as_view({"get": "list"}), name="database-available"
    ),
    re_path(r"^login/?$", views.SignIn.as_view(), name="login"),
    path("welcome/<uidb64>/<token>", views.Welcome.as_view(), name="welcome"),
    re_path(r"^logout/?$", LogoutView.as_view(), name="logout"),
    path("", include("crm.pages.diary_urls")),
    path("", include("crm.pages.lead_urls")),
    # Before the sections of /settings, whose addresses are like it.
    path("", include("crm.pages.program_urls")),
    path("", include("crm.pages.frame_urls")),
]
