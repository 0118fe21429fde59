"""Settings: what has the wrong form is refused without being shown."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from chatsdk_migration.errors import PermanentError
from chatsdk_migration.settings import Settings

PASSWORD = "correct-horse"
URL = f"postgresql://chatsdk:{PASSWORD}@db.example.com/chatsdk"


@pytest.mark.parametrize("name", ["DB_HOST", "DB_NAME", "DB_USER"])
@pytest.mark.parametrize("value", [URL, f"host=db user=chatsdk password={PASSWORD}"])
def test_a_connection_string_in_place_of_one_of_its_parts_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(PermanentError) as caught:
        Settings.load()
    assert name in str(caught.value)
    assert PASSWORD not in str(caught.value)
    with pytest.raises(ValidationError) as directly:
        Settings()
    assert PASSWORD not in str(directly.value)


@pytest.mark.parametrize("host", [f"chatsdk:{PASSWORD}@db", f"//chatsdk:{PASSWORD}@db", "db/chatsdk", "db?a"])
def test_what_is_no_host_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DB_HOST", host)
    with pytest.raises(PermanentError) as caught:
        Settings.load()
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1", "::1", "db-1.example.com", "/var/run/postgresql"])
def test_a_host_an_address_and_a_socket_directory_are_taken(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DB_HOST", host)
    assert Settings.load().db_host == host
