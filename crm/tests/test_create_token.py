"""manage.py create_token"""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from crm.models import Agent, ApiToken
from crm.tokens import find_token


@pytest.fixture
def agent(db):
    return Agent.objects.create_user("Ann@example.com", full_name="Ann")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("create_token", *arguments, stdout=out)
    return out.getvalue()


def test_the_token_stands_alone_on_standard_output(agent):
    printed = run("ann@EXAMPLE.com", "--scopes", "read, write", "--name", "Reports")

    token = find_token(printed.strip())
    assert printed == printed.strip() + "\n"
    assert token is not None
    assert (token.agent, token.name, token.scopes, token.expires_at) == (agent, "Reports", ["read", "write"], None)


def test_a_token_may_expire(agent):
    token = find_token(run("ann@example.com", "--days", "30").strip())

    assert token is not None
    assert abs(token.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert token.scopes == ["read"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bob@example.com"], "nobody here has the email address bob@example.com"),
        (["ann@example.com", "--scopes", "read,admin"], "unknown scope"),
        (["ann@example.com", "--scopes", ","], "needs a scope"),
        (["ann@example.com", "--days", "0"], "--days"),
        (["ann@example.com", "--name", " "], "--name"),
    ],
)
def test_a_mistake_is_told_and_makes_nothing(agent, arguments, message):
    with pytest.raises(CommandError, match=message):
        run(*arguments)
    assert not ApiToken.objects.exists()


def test_someone_who_left_gets_no_token(agent):
    Agent.objects.update(is_active=False)

    with pytest.raises(CommandError, match="not active"):
        run("ann@example.com")
