"""Photos of homes: what is sent is read, turned upright and written anew, so that nothing else comes with it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.db.models.signals import post_delete
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from crm.errors import BadArguments
from crm.models import Listing, ListingPhoto

FORMATS = ("JPEG", "PNG", "WEBP")
LARGEST_BYTES = 12_000_000
MOST_PIXELS = 50_000_000
MOST_PHOTOS = 40
# Long side in pixels, by the name that addresses and files carry.
SIZES = {"large": 1600, "small": 480}
KEPT_AFTER_REMOVAL = timedelta(days=1)


def folder() -> Path:
    """Return where all photos of homes lie."""
    path: Path = settings.DATA_DIR / "uploads" / "listings"
    return path


def path_of(name: UUID, size: str) -> Path:
    """Return where a photo's file lies."""
    return folder() / f"{name.hex}-{size}.webp"


def add_photo(listing: Listing, file: IO[bytes], *, alt: str = "", now: datetime) -> ListingPhoto:
    """Keep a photo behind the home's others. Raises BadArguments for what is too large, or no picture."""
    image = _read(file)
    with transaction.atomic():
        # One at a time: two would get the same place.
        Listing.objects.select_for_update(no_key=True).get(pk=listing.pk)
        sweep(listing, now)
        shown = ListingPhoto.objects.filter(listing=listing, removed_at=None)
        if shown.count() >= MOST_PHOTOS:
            raise BadArguments(_("A home has at most %(n)s photos. Remove one first.") % {"n": MOST_PHOTOS})
        last = shown.aggregate(last=Max("position"))["last"]
        photo = keep(listing, image, alt=alt, position=0 if last is None else last + 1)
        photo.save(force_insert=True)
    return photo


def keep(listing: Listing, image: Image.Image, *, alt: str, position: int) -> ListingPhoto:
    """Write the files of a photo and return its row, not saved."""
    name = uuid4()
    for size, longest in SIZES.items():
        path = path_of(name, size)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_as_webp(image, longest))
    return ListingPhoto(
        listing=listing, name=name, width=image.width, height=image.height, alt=alt[:200], position=position
    )


def remove_photo(photo: ListingPhoto, *, now: datetime) -> None:
    """Take a photo off the page; it can come back for a day."""
    ListingPhoto.objects.filter(pk=photo.pk).update(removed_at=now)


def bring_back(photo: ListingPhoto) -> None:
    ListingPhoto.objects.filter(pk=photo.pk).update(removed_at=None)


@transaction.atomic
def order_photos(listing: Listing, ids: Sequence[int]) -> None:
    """Put the home's photos into this order; those not named follow as they were."""
    Listing.objects.select_for_update(no_key=True).get(pk=listing.pk)
    photos = {photo.pk: photo for photo in ListingPhoto.objects.filter(listing=listing, removed_at=None)}
    wanted = [pk for pk in dict.fromkeys(ids) if pk in photos]
    ordered = [photos[pk] for pk in [*wanted, *(pk for pk in photos if pk not in wanted)]]
    for position, photo in enumerate(ordered):
        photo.position = position
    ListingPhoto.objects.bulk_update(ordered, ["position"])


def sweep(listing: Listing, now: datetime) -> None:
    """Delete what was removed more than a day ago."""
    ListingPhoto.objects.filter(listing=listing, removed_at__lt=now - KEPT_AFTER_REMOVAL).delete()


def connect() -> None:
    """Have files go with their rows, whoever deletes these: a page, the API, the admin, the end of the demo."""
    post_delete.connect(_forget_files, sender=ListingPhoto, dispatch_uid="crm.photos")


def _forget_files(sender: type[ListingPhoto], instance: ListingPhoto, **kwargs: Any) -> None:
    transaction.on_commit(partial(_unlink, instance.name))


def _unlink(name: UUID) -> None:
    for size in SIZES:
        path_of(name, size).unlink(missing_ok=True)


def _read(file: IO[bytes]) -> Image.Image:
    """Return an upright picture without transparency. Raises BadArguments."""
    content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        text = _("This file is larger than %(n)s MB. Make it smaller and send it again.")
        raise BadArguments(text % {"n": LARGEST_BYTES // 1_000_000})
    try:
        with warnings.catch_warnings():
            # Pillow warns of pictures that unpack to gigabytes; here the limit below decides.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            if image.width * image.height > MOST_PIXELS:
                raise BadArguments(_("This picture has too many pixels. Make it smaller and send it again."))
            image.draft("RGB", (SIZES["large"], SIZES["large"]))
            upright = ImageOps.exif_transpose(image)
            return upright.convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as exc:
        raise BadArguments(_("This is no JPEG, PNG or WebP picture that can be read.")) from exc


def _as_webp(image: Image.Image, longest: int) -> bytes:
    small = image.copy()
    small.thumbnail((longest, longest))
    # What a camera wrote about place and time is not copied.
    small.info.clear()
    out = io.BytesIO()
    small.save(out, "WEBP", quality=80, method=2)
    return out.getvalue()
