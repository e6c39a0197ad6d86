from django.urls import URLPattern, URLResolver, re_path

from calls import views

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^dashboard/?$", views.dashboard, name="dashboard"),
]
