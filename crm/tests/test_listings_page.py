"""/listings: who sees and changes what, inline edits with undo, health, photos."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from crm import listing_health, photos
from crm.errors import BadArguments
from crm.listing_health import CallFigures
from crm.models import Agent, Listing, ListingPhoto, Role
from crm.tests import factories

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
NOW = datetime.now(UTC)


@pytest.fixture
def team() -> dict[str, Agent]:
    both = factories.team()
    return {
        "agent": factories.agent(team=both, full_name="Ana Reyes"),
        "mate": factories.agent(team=both, full_name="Ben Ito"),
        "stranger": factories.agent(full_name="Cara Stone"),
        "manager": factories.agent(role=Role.MANAGER, full_name="Dana Boss"),
    }


@pytest.fixture
def home(team: dict[str, Agent]) -> Listing:
    return factories.listing(team["agent"], address="12 Oak Street", facts="Heat included.")


@pytest.fixture(autouse=True)
def uploads(settings, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    settings.DATA_DIR = tmp_path
    return tmp_path / "uploads" / "listings"


def picture(size: tuple[int, int] = (64, 48), kind: str = "JPEG", **more: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#336699").save(out, kind, **more)
    return out.getvalue()


# --- Rights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "section", "status"),
    [
        ("agent", "facts", 200), ("agent", "access", 200), ("agent", "basics", 403), ("agent", "rules", 403),
        ("agent", "agents", 403), ("mate", "facts", 403), ("mate", "basics", 403), ("stranger", "facts", 403),
        ("stranger", "access", 403), ("manager", "facts", 200), ("manager", "basics", 200), ("manager", "rules", 200),
    ],
)  # fmt: skip
def test_who_shows_a_home_describes_it_and_managers_change_the_rest(
    client: Client, team: dict[str, Agent], home: Listing, person: str, section: str, status: int
) -> None:
    client.force_login(team[person])
    address = f"/listings/{home.pk}/edit/{section}"

    assert client.get(address).status_code == status
    if status == 403:
        assert client.post(address, {"facts": "No heat."}).status_code == 403
        home.refresh_from_db()
        assert home.facts == "Heat included."


def test_everybody_reads_and_only_managers_add_or_set_the_state(
    client: Client, team: dict[str, Agent], home: Listing
) -> None:
    for name in team:
        client.force_login(team[name])
        assert "12 Oak Street" in client.get(f"/listings/{home.pk}").content.decode()
        assert "12 Oak Street" in client.get("/listings?scope=all").content.decode()
        expected = 200 if name == "manager" else 403
        assert client.get("/listings/new").status_code == expected
        answer = client.post(f"/listings/{home.pk}/status", {"status": "let"})
        assert answer.status_code == (302 if name == "manager" else 403)


def test_mine_are_the_homes_i_show(client: Client, team: dict[str, Agent], home: Listing) -> None:
    factories.listing(address="99 Elm Street")
    client.force_login(team["agent"])
    page = client.get("/listings").content.decode()
    assert "12 Oak Street" in page
    assert "99 Elm Street" not in page


def test_viewings_of_strangers_are_only_counted(client: Client, team: dict[str, Agent], home: Listing) -> None:
    lead = factories.lead(full_name="Lena Quiet", owner=team["agent"])
    factories.appointment(team["agent"], home, NOW + timedelta(days=1), lead=lead)

    for name, is_seen in (("agent", True), ("mate", True), ("manager", True), ("stranger", False)):
        client.force_login(team[name])
        assert ("Lena Quiet" in client.get(f"/listings/{home.pk}").content.decode()) is is_seen, name


# --- Editing --------------------------------------------------------------------------------------------------------


def test_a_change_is_saved_told_and_taken_back(client: Client, team: dict[str, Agent], home: Listing) -> None:
    client.force_login(team["manager"])
    values = {"address": "12 Oak Street", "property_type": "loft", "bedrooms": 3, "bathrooms": "1.5", "rent": "1900.50",
              "currency": "USD", "available_on": "2026-12-01"}  # fmt: skip

    answer = client.post(f"/listings/{home.pk}/edit/basics", values, headers=HTMX)

    home.refresh_from_db()
    assert (home.property_type, home.bedrooms, str(home.rent)) == ("loft", 3, "1900.50")
    import json

    undo = json.loads(answer.headers["HX-Trigger"])["toast"]["undo"]
    assert client.post(undo, headers=HTMX).headers["HX-Trigger"] == "undone"
    home.refresh_from_db()
    assert (home.property_type, home.bedrooms, str(home.rent), home.available_on) == ("apartment", 2, "1800.00", None)


def test_agents_are_changed_and_taken_back(client: Client, team: dict[str, Agent], home: Listing) -> None:
    import json

    client.force_login(team["manager"])
    both = [team["agent"].pk, team["mate"].pk]

    answer = client.post(f"/listings/{home.pk}/edit/agents", {"agents": both}, headers=HTMX)
    assert sorted(home.agents.values_list("pk", flat=True)) == sorted(both)

    client.post(json.loads(answer.headers["HX-Trigger"])["toast"]["undo"], headers=HTMX)
    assert list(home.agents.all()) == [team["agent"]]


def test_an_undo_of_what_one_may_not_change_is_refused(client: Client, team: dict[str, Agent], home: Listing) -> None:
    from crm.listing_editing import undo_token

    client.force_login(team["agent"])
    rent, facts = undo_token(home, {"rent": "1.00"}), undo_token(home, {"facts": "Old."})

    assert client.post(f"/listings/{home.pk}/undo?of={rent}").status_code == 403
    assert client.post(f"/listings/{home.pk}/undo?of=made-up").status_code == 403
    assert client.post(f"/listings/{home.pk}/undo?of={facts}").status_code == 302
    home.refresh_from_db()
    assert (str(home.rent), home.facts) == ("1800.00", "Old.")


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("basics", {"address": "", "bedrooms": "-1", "rent": "x"}),
        ("basics", {"address": "9" * 300}),
        ("rules", {"viewing_minutes": "0"}),
        ("rules", {"viewing_minutes": "99999999999999"}),
        ("rules", {"horizon_days": "0"}),
        ("agents", {"agents": "nobody"}),
        ("facts", {"facts": "a\x00b"}),
    ],
)
def test_what_makes_no_sense_stays_in_the_form(
    client: Client, team: dict[str, Agent], home: Listing, section: str, values: dict
) -> None:
    client.force_login(team["manager"])
    before = Listing.objects.values().get(pk=home.pk)

    answer = client.post(f"/listings/{home.pk}/edit/{section}", values, headers=HTMX)

    assert answer.status_code == 200
    assert 'class="field-error"' in answer.content.decode() or 'role="alert"' in answer.content.decode()
    assert Listing.objects.values().get(pk=home.pk) == before


def test_a_second_home_at_the_same_address_is_refused(client: Client, team: dict[str, Agent], home: Listing) -> None:
    client.force_login(team["manager"])
    values = {"address": "12 Oak Street", "property_type": "house", "bedrooms": 1, "bathrooms": 1, "rent": 5,
              "currency": "USD"}  # fmt: skip
    assert client.post("/listings/new", values).status_code == 422
    assert client.post("/listings/new", values | {"unit": "2"}).status_code == 302
    assert Listing.objects.count() == 2


def test_the_page_says_what_pete_will_say(client: Client, team: dict[str, Agent], home: Listing) -> None:
    client.force_login(team["agent"])
    page = client.get(f"/listings/{home.pk}").content.decode()
    assert "12 Oak Street: a 2-bedroom apartment with 1 bath for $1,800 a month, free now. No pets. Also: Heat" in page
    draft = client.post(f"/listings/{home.pk}/words", {"facts": "Balcony."}).content.decode()
    assert "Also: Balcony." in draft


# --- Health ---------------------------------------------------------------------------------------------------------


def test_health_counts_the_last_month_and_names_quiet_homes(monkeypatch: pytest.MonkeyPatch, home: Listing) -> None:
    agent = home.agents.get()
    quiet = factories.listing(agent)
    Listing.objects.update(created_at=NOW - timedelta(days=60))
    for days, status in ((40, "completed"), (3, "completed"), (2, "no_show"), (1, "cancelled")):
        factories.appointment(agent, home, NOW - timedelta(days=days), status=status)
    coming = factories.appointment(agent, home, NOW + timedelta(days=2))
    figures = {home.pk: CallFigures(calls=5, questions={"details": 2, "times": 1}, last_at=NOW)}
    monkeypatch.setattr(listing_health, "_sources", [lambda ids, since: figures])

    found = listing_health.health(Listing.objects.all(), NOW)

    got = found[home.pk]
    assert (got.calls, got.asked, got.viewings, got.completed, got.no_shows, got.next_at, got.is_quiet) == (
        5, 3, 2, 1, 1, coming.starts_at, False
    )  # fmt: skip
    assert found[quiet.pk].is_quiet


def test_the_list_asks_as_much_for_three_homes_as_for_one(
    client: Client, team: dict[str, Agent], home: Listing, django_assert_num_queries
) -> None:  # type: ignore[no-untyped-def]
    client.force_login(team["manager"])
    client.get("/listings")
    with CaptureQueriesContext(connection) as first:
        client.get("/listings")
    for days in (1, 2):
        home = factories.listing(team["agent"], team["mate"])
        factories.appointment(team["agent"], home, NOW + timedelta(days=days))

    with django_assert_num_queries(len(first)):
        client.get("/listings")


@pytest.mark.parametrize(
    "query", ["status=x&bedrooms=-1&rent=NaN&agent=a&scope=?&cursor=zzz", "bedrooms=99999&rent=1e99", "q=\x00"]
)
def test_nonsense_in_the_address_is_the_usual_list(
    client: Client, team: dict[str, Agent], home: Listing, query: str
) -> None:
    client.force_login(team["manager"])
    assert client.get(f"/listings?{query}").status_code == 200


# --- Photos ---------------------------------------------------------------------------------------------------------


def upload(client: Client, home: Listing, content: bytes, name: str = "front.jpg") -> str:
    file = SimpleUploadedFile(name, content, "image/jpeg")
    return client.post(f"/listings/{home.pk}/photos", {"photos": [file]}, headers=HTMX).headers["HX-Trigger"]


def test_a_photo_is_written_anew_upright_and_without_what_it_carried(
    client: Client, team: dict[str, Agent], home: Listing, uploads: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "Taken at home"
    client.force_login(team["agent"])

    assert "1 photo added" in upload(client, home, picture((4000, 2000), exif=exif))

    photo = ListingPhoto.objects.get()
    answer = client.get(f"/listings/photos/{photo.name}/large")
    body = b"".join(answer.streaming_content)
    image = Image.open(io.BytesIO(body))
    assert (image.format, image.size) == ("WEBP", (800, 1600))
    assert b"Taken at home" not in body
    assert dict(image.getexif()) == {}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert max(Image.open(photos.path_of(photo.name, "small")).size) == 480


def test_a_photo_is_for_staff_only(client: Client, team: dict[str, Agent], home: Listing) -> None:
    photo = photos.add_photo(home, io.BytesIO(picture()), now=NOW)
    assert client.get(f"/listings/photos/{photo.name}/small").status_code == 302
    client.force_login(team["stranger"])
    assert client.get(f"/listings/photos/{photo.name}/small").status_code == 200
    assert client.get(f"/listings/photos/{photo.name}/huge").status_code == 404
    assert "photo-add" not in client.get(f"/listings/{home.pk}").content.decode()
    for path in ("photos", "photos/order", f"photos/{photo.pk}", f"photos/{photo.pk}/back"):
        assert client.post(f"/listings/{home.pk}/{path}", {"act": "remove"}).status_code == 403
    assert ListingPhoto.objects.filter(removed_at=None).count() == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a" + b"\0" * 50, b"<svg xmlns='http://www.w3.org/2000/svg'/>", picture()[:200], b"\xff\xd8\xff" * 9],
)
def test_what_is_no_picture_is_refused(client: Client, team: dict[str, Agent], home: Listing, content: bytes) -> None:
    client.force_login(team["agent"])
    assert '"tone": "bad"' in upload(client, home, content)
    assert not ListingPhoto.objects.exists()


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, home: Listing) -> None:
    monkeypatch.setattr(photos, "MOST_PIXELS", 1000)
    with pytest.raises(BadArguments):
        photos.add_photo(home, io.BytesIO(picture((64, 48))), now=NOW)
    monkeypatch.setattr(photos, "LARGEST_BYTES", 10)
    with pytest.raises(BadArguments):
        photos.add_photo(home, io.BytesIO(picture((4, 4))), now=NOW)


def test_photos_are_ordered_removed_and_brought_back(client: Client, team: dict[str, Agent], home: Listing) -> None:
    client.force_login(team["agent"])
    one, two, three = (photos.add_photo(home, io.BytesIO(picture()), now=NOW) for _ in range(3))

    def shown() -> list[int]:
        return list(ListingPhoto.objects.filter(removed_at=None).values_list("pk", flat=True))

    client.post(f"/listings/{home.pk}/photos/{three.pk}", {"act": "first"})
    assert shown() == [three.pk, one.pk, two.pk]
    client.post(f"/listings/{home.pk}/photos/{one.pk}", {"act": "later"})
    assert shown() == [three.pk, two.pk, one.pk]
    client.post(f"/listings/{home.pk}/photos/order", {"photo": [one.pk, "x", 999]})
    assert shown() == [one.pk, three.pk, two.pk]
    client.post(f"/listings/{home.pk}/photos/{three.pk}", {"act": "remove"})
    assert shown() == [one.pk, two.pk]
    client.post(f"/listings/{home.pk}/photos/{three.pk}/back")
    assert shown() == [one.pk, three.pk, two.pk]


def test_files_go_a_day_after_removal_and_with_the_home(
    home: Listing, uploads: Path, django_capture_on_commit_callbacks
) -> None:  # type: ignore[no-untyped-def]
    one = photos.add_photo(home, io.BytesIO(picture()), now=NOW)
    photos.remove_photo(one, now=NOW)
    with django_capture_on_commit_callbacks(execute=True):
        photos.add_photo(home, io.BytesIO(picture()), now=NOW + timedelta(days=2))
    assert len(list(uploads.iterdir())) == 2
    with django_capture_on_commit_callbacks(execute=True):
        home.delete()
    assert list(uploads.iterdir()) == []
