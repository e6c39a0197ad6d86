"""The addresses of the diary."""

from django.urls import path

from crm.pages import appointments, booking_form, viewings

urlpatterns = [
    path("appointments", appointments.appointments, name="appointments"),
    path("appointments/", appointments.appointments),
    path("appointments/new", booking_form.new, name="appointment-new"),
    path("appointments/why", appointments.why, name="appointment-why"),
    path("appointments/<int:appointment_id>", appointments.panel, name="appointment"),
    path("appointments/<int:appointment_id>/move", viewings.move, name="appointment-move"),
    path("appointments/<int:appointment_id>/move-back", viewings.move_back, name="appointment-move-back"),
    path("appointments/<int:appointment_id>/cancel", viewings.cancel, name="appointment-cancel"),
    path("appointments/<int:appointment_id>/restore", viewings.restore, name="appointment-restore"),
    path("appointments/<int:appointment_id>/take-back", viewings.take_back, name="appointment-take-back"),
    path("appointments/<int:appointment_id>/confirm", viewings.confirm, name="appointment-confirm"),
    path("appointments/<int:appointment_id>/outcome", viewings.outcome, name="appointment-outcome"),
    path("appointments/<int:appointment_id>/reopen", viewings.reopen, name="appointment-reopen"),
]
