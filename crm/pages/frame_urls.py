"""Addresses of what every page has: notifications, and who looks at what."""

from django.urls import path, re_path

from crm.pages import exports, first_steps, imports, notifications, office_settings, palette, people, presence

urlpatterns = [
    path("presence/<slug:kind>/<int:pk>", presence.look, name="presence"),
    path("notifications", notifications.notifications, name="notifications"),
    path("notifications/read", notifications.read, name="notifications-read"),
    path("notifications/unread", notifications.unread, name="notifications-unread"),
    path("notifications/news", notifications.news, name="notifications-news"),
    path("notifications/wishes", notifications.wishes, name="notifications-wishes"),
    path("notifications/wishes/undo", notifications.undo_wishes, name="notifications-wishes-undo"),
    path("first-steps/close", first_steps.close, name="first-steps-close"),
    path("first-steps/open", first_steps.reopen, name="first-steps-open"),
    path("palette", palette.find, name="palette"),
    path("palette/lead", palette.lead, name="palette-lead"),
    path("users/new", people.new, name="person-new"),
    path("users/<int:person_id>/edit", people.edit, name="person-edit"),
    path("users/<int:person_id>/hours", people.hours, name="person-hours"),
    path("users/<int:person_id>/link", people.link, name="person-link"),
    path("settings", office_settings.settings, name="settings"),
    path("settings/closures", office_settings.add_closure, name="closure-add"),
    path("settings/closures/restore", office_settings.restore_closure, name="closure-restore"),
    path("settings/closures/<int:closure_id>/remove", office_settings.remove_closure, name="closure-remove"),
    path("settings/hours/give", office_settings.give_hours, name="settings-give-hours"),
    path("settings/hours/take-back", office_settings.take_hours_back, name="hours-take-back"),
    path("settings/<slug:section>", office_settings.save, name="settings-save"),
    path("settings/<slug:section>/undo", office_settings.undo, name="settings-undo"),
    re_path(r"^imports/?$", imports.imports, name="imports"),
    path("imports/<int:batch_id>", imports.one, name="import"),
    path("imports/<int:batch_id>/check", imports.check, name="import-check"),
    path("imports/<int:batch_id>/run", imports.run, name="import-run"),
    path("imports/<int:batch_id>/undo", imports.undo, name="import-undo"),
    path("imports/<int:batch_id>/rows.<slug:extension>", imports.rows, name="import-rows"),
    path("export/agency.zip", exports.export_agency, name="export-agency"),
    path("export/person/<int:lead_id>.zip", exports.export_person, name="export-person"),
    path("export/<slug:name>.<slug:extension>", exports.export_list, name="export"),
    path("brand.css", office_settings.stylesheet, name="brand"),
]
