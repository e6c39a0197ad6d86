import pytest
from django.core.cache import cache
from redis.exceptions import ConnectionError as RedisConnectionError

from crm import signin
from crm.tests import factories

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse"


@pytest.fixture
def person():
    agent = factories.agent(email="Ana@example.com")
    agent.set_password(PASSWORD)
    agent.save()
    return agent


def sign_in(client, password=PASSWORD, email="ana@example.com", **more):
    return client.post("/login", {"username": email, "password": password} | more)


def is_signed_in(client):
    return "_auth_user_id" in client.session


def test_the_right_password_leads_to_the_desk_whatever_the_case_of_the_email(client, person):
    answer = sign_in(client, email="ANA@example.COM")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/dashboard")


def test_next_is_followed_within_this_site_only(client, person):
    assert sign_in(client, next="/api/docs/").headers["Location"] == "/api/docs/"
    client.logout()
    assert sign_in(client, next="https://evil.example/").headers["Location"] == "/dashboard"
    client.logout()
    assert sign_in(client, next="//evil.example/").headers["Location"] == "/dashboard"


@pytest.mark.parametrize(
    ("email", "password", "expected"),
    [
        ("ana@example.com", "wrong", "do not fit together"),
        ("nobody@example.com", PASSWORD, "do not fit together"),
        ("ana@example.com", "nul\x00", "Null characters are not allowed"),
        ("no address", PASSWORD, "Enter a valid email address"),
        ("", PASSWORD, "This field is required"),
        ("ana@example.com", "", "This field is required"),
    ],
)
def test_what_is_wrong_is_said(client, person, email, password, expected):
    answer = sign_in(client, password, email)

    assert answer.status_code == 200
    assert expected in answer.content.decode()
    assert not is_signed_in(client)


def test_too_many_wrong_passwords_are_followed_by_a_pause(client, person):
    for _ in range(signin.MOST_PER_ACCOUNT_AND_ADDRESS):
        sign_in(client, "wrong")

    answer = sign_in(client)

    assert "Too many wrong passwords. Wait 15 minutes" in answer.content.decode()
    assert not is_signed_in(client)


def test_the_pause_is_of_one_account_at_one_address(client, person):
    for _ in range(signin.MOST_PER_ACCOUNT_AND_ADDRESS):
        sign_in(client, "wrong", "other@example.com")
        client.post("/login", {"username": "ana@example.com", "password": "wrong"}, REMOTE_ADDR="198.51.100.7")

    sign_in(client)

    assert is_signed_in(client)


def test_the_right_password_forgets_the_wrong_ones(client, person):
    for _ in range(signin.MOST_PER_ACCOUNT_AND_ADDRESS - 1):
        sign_in(client, "wrong")
    sign_in(client)
    client.logout()
    sign_in(client, "wrong")

    sign_in(client)

    assert is_signed_in(client)


def test_people_sign_in_while_the_cache_is_away(client, person, monkeypatch):
    def away(*args, **kwargs):
        raise RedisConnectionError("gone")

    for name in ("get_many", "add", "incr", "delete"):
        monkeypatch.setattr(cache, name, away)
    sign_in(client, "wrong")

    sign_in(client)

    assert is_signed_in(client)


def test_sign_out_wants_a_post(client, person):
    client.force_login(person)

    assert client.get("/logout").status_code == 405
    assert is_signed_in(client)
    assert client.post("/logout").headers["Location"] == "/login"
    assert not is_signed_in(client)


def test_sign_in_wants_a_csrf_token(person):
    from django.test import Client

    assert sign_in(Client(enforce_csrf_checks=True)).status_code == 403


def test_an_old_form_is_answered_with_what_to_do(person):
    from django.test import Client

    assert "Go back, load the page again" in sign_in(Client(enforce_csrf_checks=True)).content.decode()


def test_a_page_that_does_not_exist_says_so(client, person):
    client.force_login(person)
    answer = client.get("/nowhere")

    assert answer.status_code == 404
    assert "This page does not exist" in answer.content.decode()


def test_the_door_of_the_administration_counts_with_the_other_one(client, person):
    person.is_staff = True
    person.save()
    door = "/admin/login/?next=/admin/"
    for _ in range(signin.MOST_PER_ACCOUNT_AND_ADDRESS - 1):
        client.post(door, {"username": "ana@example.com", "password": "wrong"})
    sign_in(client, "wrong")

    answer = client.post(door, {"username": "ana@example.com", "password": PASSWORD})

    assert "Too many wrong passwords. Wait 15 minutes" in answer.content.decode()
    assert not is_signed_in(client)


def test_the_administration_opens_for_those_who_may(client, person):
    door = "/admin/login/?next=/admin/"
    given = {"username": "ana@example.com", "password": PASSWORD, "next": "/admin/"}
    assert "may not open the administration" in client.post(door, given).content.decode()
    person.is_staff = True
    person.save()

    assert client.post(door, given).headers["Location"] == "/admin/"
