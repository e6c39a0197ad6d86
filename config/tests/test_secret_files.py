import stat
import threading

from config.secret_files import random_text, stored_secret


def test_a_secret_is_made_once_and_readable_by_its_owner_only(tmp_path):
    directory = tmp_path / "secrets"

    first = stored_secret(directory, "key")
    second = stored_secret(directory, "key")

    assert (first, len(first)) == (second, 64)
    assert stat.S_IMODE((directory / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert [path.name for path in directory.iterdir()] == ["key"]


def test_racing_processes_agree_on_one_secret(tmp_path):
    barrier = threading.Barrier(16)
    values = []

    def race():
        def make():
            barrier.wait()
            return random_text()

        values.append(stored_secret(tmp_path, "key", make))

    threads = [threading.Thread(target=race) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(values) == 16
    assert set(values) == {(tmp_path / "key").read_text()}
