"""Photos of homes, for programs."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from crm.api.tests.conftest import problem
from crm.models import Listing, ListingPhoto


@pytest.fixture(autouse=True)
def _own_uploads(settings: Any, tmp_path: Any) -> None:
    settings.DATA_DIR = tmp_path


def picture(color: str = "red") -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(out, "PNG")
    return SimpleUploadedFile("home.png", out.getvalue(), "image/png")


def add(client: Any, listing: Listing, color: str = "red", **more: Any) -> Any:
    body = {"photo": picture(color), "alt": color}
    return client.post(f"/api/v1/listings/{listing.pk}/photos", body, format="multipart", **more)


def test_a_picture_is_added_once_and_can_be_looked_at(agent_api, listing) -> None:
    made, again = (add(agent_api, listing, HTTP_IDEMPOTENCY_KEY="p") for _ in range(2))
    body = made.json()
    looked = agent_api.get(body["sizes"]["small"])

    assert (made.status_code, again.json()) == (201, body)
    assert (body["alt"], body["width"], body["height"], body["listing"]) == ("red", 40, 30, listing.pk)
    assert Image.open(io.BytesIO(b"".join(looked.streaming_content))).format == "WEBP"
    assert agent_api.get(f"/api/v1/listings/{listing.pk}/photos").json()["results"] == [body]
    other = add(agent_api, listing, "blue", HTTP_IDEMPOTENCY_KEY="p")
    assert problem(other) == (422, "idempotency_mismatch")


def test_what_is_no_picture_is_refused(agent_api, listing) -> None:
    path = f"/api/v1/listings/{listing.pk}/photos"
    text = SimpleUploadedFile("home.png", b"<svg onload=alert(1)>", "image/png")

    assert problem(agent_api.post(path, {"photo": text}, format="multipart")) == (400, "bad_arguments")
    assert problem(agent_api.post(path, {"photo": "x"}, format="multipart")) == (400, "invalid")
    assert problem(agent_api.post(path, {})) == (415, "unsupported_media_type")
    assert not ListingPhoto.objects.exists()


def test_photos_are_put_in_order_by_who_saw_the_order(agent_api, listing) -> None:
    one, two = (add(agent_api, listing, color).json()["id"] for color in ("red", "blue"))
    path = f"/api/v1/listings/{listing.pk}/photos"

    seen = agent_api.get(f"{path}/order")
    turned = agent_api.put(f"{path}/order", {"photos": [two]}, HTTP_IF_MATCH=seen["ETag"])
    stale = agent_api.put(f"{path}/order", {"photos": [one]}, HTTP_IF_MATCH='"other"')

    assert (seen.json(), turned.json()) == ([one, two], [two, one])
    assert agent_api.get(f"{path}/order", HTTP_IF_NONE_MATCH=turned["ETag"]).status_code == 304
    assert problem(stale) == (412, "precondition_failed")
    again = agent_api.put(f"{path}/order", {"photos": [one]}, HTTP_IF_MATCH=turned["ETag"])
    assert again.json() == [one, two]


def test_a_photo_is_described_removed_and_brought_back(agent_api, listing) -> None:
    one = add(agent_api, listing).json()["id"]
    path = f"/api/v1/listings/{listing.pk}/photos/{one}"

    assert agent_api.patch(path, {"alt": "The kitchen"}).json()["alt"] == "The kitchen"
    assert agent_api.delete(path).status_code == 204
    assert problem(agent_api.delete(path)) == (404, "not_found")
    assert agent_api.get(f"/api/v1/listings/{listing.pk}/photos").json()["results"] == []
    assert agent_api.post(f"{path}/restore").json()["removed_at"] is None


def test_who_does_not_show_the_home_changes_none_of_its_photos(agent_api, listing, agent) -> None:
    one = add(agent_api, listing).json()["id"]
    listing.agents.clear()
    path = f"/api/v1/listings/{listing.pk}/photos"

    refused = [
        add(agent_api, listing),
        agent_api.patch(f"{path}/{one}", {"alt": "x"}),
        agent_api.delete(f"{path}/{one}"),
        agent_api.put(f"{path}/order", {"photos": [one]}),
        agent_api.post(f"{path}/{one}/restore"),
    ]
    assert {problem(answer) for answer in refused} == {(403, "manager_required")}
    assert problem(agent_api.get("/api/v1/listings/999999/photos")) == (404, "not_found")
