"""Addresses of /settings/programs."""

from django.urls import path

from crm.pages import programs

urlpatterns = [
    path("settings/programs", programs.programs, name="programs"),
    path("settings/programs/tokens", programs.make_token, name="token-make"),
    path("settings/programs/tokens/<int:token_id>/revoke", programs.revoke_token, name="token-revoke"),
    path("settings/programs/tokens/<int:token_id>/restore", programs.restore_token, name="token-restore"),
    path("settings/programs/webhooks", programs.add_webhook, name="webhook-add"),
    path("settings/programs/webhooks/<int:webhook_id>/switch", programs.switch_webhook, name="webhook-switch"),
    path("settings/programs/webhooks/<int:webhook_id>/remove", programs.remove_webhook, name="webhook-remove"),
    path("settings/programs/webhooks/<int:webhook_id>/restore", programs.restore_webhook, name="webhook-restore"),
]
