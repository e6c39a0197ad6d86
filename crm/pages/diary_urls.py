"""The addresses of the diary and of the homes."""

from django.urls import path

from crm.pages import appointments, booking_form, listing_photos, listings, viewings

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
    path("listings", listings.listings, name="listings"),
    path("listings/", listings.listings),
    path("listings/new", listings.new, name="listing-new"),
    path("listings/<int:listing_id>", listings.listing, name="listing"),
    path("listings/<int:listing_id>/", listings.listing),
    path("listings/<int:listing_id>/status", listings.set_status, name="listing-status"),
    path("listings/<int:listing_id>/words", listings.words, name="listing-words"),
    path("listings/<int:listing_id>/undo", listings.undo, name="listing-undo"),
    path("listings/<int:listing_id>/edit/<slug:section>", listings.edit, name="listing-edit"),
    path("listings/<int:listing_id>/photos", listing_photos.add, name="listing-photos"),
    path("listings/<int:listing_id>/photos/order", listing_photos.order, name="listing-photo-order"),
    path("listings/<int:listing_id>/photos/<int:photo_id>", listing_photos.change, name="listing-photo"),
    path("listings/<int:listing_id>/photos/<int:photo_id>/back", listing_photos.back, name="listing-photo-back"),
    path("listings/photos/<uuid:name>/<slug:size>", listing_photos.photo, name="photo"),
]
