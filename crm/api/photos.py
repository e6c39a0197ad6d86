"""/api/v1/listings/<id>/photos"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.db import transaction
from django.http import FileResponse, Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response

from crm import photos
from crm.api.fields import IdListField, InstantField, TextField
from crm.api.permissions import ManagersWrite
from crm.api.preconditions import conditional, etag_of, require_match
from crm.api.schema import ID, IF_MATCH, IF_NONE_MATCH, choice, several
from crm.api.views import ApiView, ResourceViewSet
from crm.models import Listing, ListingPhoto
from crm.rights import may_describe_listing

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.parsers import BaseParser
    from rest_framework.request import Request

# Its name is made for one picture and never used for another.
FOR_EVER = "private, max-age=31536000, immutable"


class PhotoSerializer(serializers.ModelSerializer[ListingPhoto]):
    """A picture of a home. `sizes` are the paths of the picture itself, as WebP; `alt` says what is to be seen."""

    alt = TextField(max_length=200, allow_blank=True, required=False)
    sizes = serializers.SerializerMethodField()
    created_at = InstantField(read_only=True)
    removed_at = InstantField(read_only=True, allow_null=True)

    class Meta:
        model = ListingPhoto
        fields = ["id", "listing", "alt", "width", "height", "sizes", "created_at", "removed_at"]
        read_only_fields = ["listing", "width", "height"]

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_sizes(self, photo: ListingPhoto) -> dict[str, str]:
        path = f"/api/v1/listings/{photo.listing_id}/photos/{photo.pk}"
        return {size: f"{path}/{size}" for size in photos.SIZES}


class UploadSerializer(serializers.Serializer[Any]):
    """A JPEG, PNG or WebP picture of at most 12 MB, as multipart/form-data."""

    photo = serializers.FileField()
    alt = TextField(max_length=200, allow_blank=True, required=False, default="")


class OrderSerializer(serializers.Serializer[Any]):
    """The ids in their new order; photos that are not named follow as they were."""

    photos = IdListField(queryset=ListingPhoto.objects.all())


class DescribersWrite(ManagersWrite):
    """Everybody looks; managers, and who shows the home, change its photos."""

    message = "Only a manager, or who shows this home, may change its photos."

    def has_permission(self, request: Request, view: Any) -> bool:
        return request.method in SAFE_METHODS or may_describe_listing(cast(Any, request.user), view.home)


class OfHome(ApiView):
    """What is asked about the photos of one home."""

    access = [DescribersWrite]

    @property
    def home(self) -> Listing:
        return get_object_or_404(Listing, pk=self.kwargs["listing"])

    def shown(self) -> QuerySet[ListingPhoto]:
        return ListingPhoto.objects.filter(listing=self.kwargs["listing"], removed_at=None)


class PhotoViewSet(OfHome, ResourceViewSet):
    """The photos of one home, in their order."""

    queryset = ListingPhoto.objects.all()
    serializer_class = PhotoSerializer
    ordering_fields = ["position", "id"]
    ordering = ["position"]

    def get_queryset(self) -> QuerySet[ListingPhoto]:
        return self.shown()

    def get_parsers(self) -> list[BaseParser]:
        method = getattr(getattr(self, "request", None), "method", "")
        return [MultiPartParser()] if method == "POST" else super().get_parsers()

    def list(self, request: Request, listing: str) -> Response:
        """One page of the photos."""
        rows = self.page(self.get_queryset().filter(listing=self.home))
        return self.get_paginated_response(self.sparse(self.get_serializer(rows, many=True).data))

    @extend_schema(request={"multipart/form-data": UploadSerializer}, responses={201: PhotoSerializer})
    def create(self, request: Request, listing: str) -> Response:
        """Add a picture behind the others. Nothing that a camera wrote into it is kept; a home has at most 40."""
        serializer = UploadSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        row = photos.add_photo(self.home, given["photo"], alt=given["alt"], now=timezone.now())
        return Response(self.get_serializer(row).data, 201)

    def partial_update(self, request: Request, listing: str, pk: str) -> Response:
        """Say in words what is to be seen."""
        with transaction.atomic():
            serializer = self.get_serializer(self.get_seen_object(), data=request.data, partial=True)
            serializer.is_valid(raise_exception=True)
            serializer.save()
            return Response(serializer.data, headers={"ETag": self.etag(serializer.data)})

    def destroy(self, request: Request, listing: str, pk: str) -> Response:
        """Take a photo off. For a day `POST …/restore` brings it back; then it is deleted."""
        with transaction.atomic():
            photos.remove_photo(self.get_seen_object(), now=timezone.now())
        return Response(status=204)


class PhotoRestoreView(OfHome):
    """Bring a removed photo back, within a day."""

    @extend_schema(request=None, responses={200: PhotoSerializer})
    def post(self, request: Request, listing: str, photo: str) -> Response:
        row = get_object_or_404(ListingPhoto, pk=photo, listing=self.home)
        photos.bring_back(row)
        row.refresh_from_db()
        return Response(PhotoSerializer(row).data)


class PhotoOrderView(OfHome):
    """The order of a home's photos; the first one stands for the home."""

    @extend_schema(responses={200: several(ID)}, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, listing: str) -> Response:
        """GET the ids in their order. The ETag names the order that was seen."""
        ids = self._ids(self.home)
        return conditional(request, Response(ids), etag_of(ids))

    @extend_schema(request=OrderSerializer, responses={200: several(ID)}, parameters=[IF_MATCH])
    def put(self, request: Request, listing: str) -> Response:
        """Put them into another order and answer the ids as they stand then."""
        home = self.home
        serializer = OrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            Listing.objects.select_for_update(no_key=True).get(pk=home.pk)
            require_match(request, etag_of(self._ids(home)))
            photos.order_photos(home, [row.pk for row in serializer.validated_data["photos"]])
            ids = self._ids(home)
        return Response(ids, headers={"ETag": etag_of(ids)})

    def _ids(self, home: Listing) -> list[int]:
        return list(self.shown().filter(listing=home).order_by("position", "pk").values_list("pk", flat=True))


class PictureView(OfHome):
    """GET the picture itself, as WebP, in one of its sizes."""

    @extend_schema(
        responses={(200, "image/webp"): OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("size", choice(photos.SIZES), OpenApiParameter.PATH)],
    )
    def get(self, request: Request, listing: str, photo: str, size: str) -> Any:
        row = get_object_or_404(self.shown(), pk=photo)
        if size not in photos.SIZES:
            raise Http404
        try:
            file = photos.path_of(row.name, size).open("rb")
        except FileNotFoundError as exc:
            raise Http404 from exc
        headers = {"Cache-Control": FOR_EVER, "X-Content-Type-Options": "nosniff"}
        return FileResponse(file, content_type="image/webp", headers=headers)
