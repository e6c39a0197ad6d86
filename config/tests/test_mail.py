import pytest

from config.environment import ConfigurationError
from config.mail import email_settings


def test_a_file_url_writes_mail_into_its_folder():
    assert email_settings("file:///srv/pete%20crm/mail") == {
        "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "EMAIL_FILE_PATH": "/srv/pete crm/mail",
    }


def test_an_smtp_url_names_host_account_and_encryption():
    assert email_settings("smtp://pete%40example.com:p%3Aw@mail.example.com?tls=1") == {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "mail.example.com",
        "EMAIL_PORT": 587,
        "EMAIL_HOST_USER": "pete@example.com",
        "EMAIL_HOST_PASSWORD": "p:w",
        "EMAIL_USE_SSL": False,
        "EMAIL_USE_TLS": True,
        "EMAIL_TIMEOUT": 20,
    }


@pytest.mark.parametrize("url", ["mail.example.com", "smtp://", "http://mail.example.com"])
def test_another_url_is_refused(url):
    with pytest.raises(ConfigurationError, match="EMAIL_URL"):
        email_settings(url)
