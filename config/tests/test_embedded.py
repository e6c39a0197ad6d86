import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config import embedded
from config.embedded import Layout

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data_dir():
    """A folder with a space in its path that root's PostgreSQL account can reach."""
    base = embedded.throwaway_directory()
    yield base / "pete data"
    subprocess.run(["rm", "-rf", base], check=True)


def processes(layout):
    """Every process of one installation's stores."""
    named = [(process, process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [process for process, words in named if any(str(layout.data_dir) in word for word in words)]


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def write(layout, text):
    with psycopg.connect(layout.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", [text])
    with redis.from_url(layout.redis_url) as client:
        client.rpush("notes", text)


def read(layout):
    with psycopg.connect(layout.database_url) as connection:
        rows = [text for (text,) in connection.execute("SELECT text FROM note ORDER BY text")]
    with redis.from_url(layout.redis_url, decode_responses=True) as client:
        return rows, client.lrange("notes", 0, -1)


def test_the_stores_start_keep_their_data_and_stop_with_the_last_user(data_dir):
    layout = Layout(data_dir)
    first = embedded.hold(data_dir)
    second = embedded.hold(data_dir)
    write(layout, "one")

    assert first.release() is False
    assert read(layout) == (["one"], ["one"])
    assert second.release() is True
    assert processes(layout) == []

    with embedded.hold(data_dir):
        assert read(layout) == (["one"], ["one"])
    assert processes(layout) == []


def test_the_stores_recover_after_kill_9_of_everything(data_dir):
    layout = Layout(data_dir)
    hold = embedded.hold(data_dir)
    write(layout, "one")
    with redis.from_url(layout.redis_url) as client:
        client.execute_command("WAITAOF", 1, 0, 2000)

    for process in processes(layout):
        process.kill()
    assert wait_for(lambda: not embedded.keeper_is_alive(layout))
    hold.release()

    with embedded.hold(data_dir):
        assert read(layout) == (["one"], ["one"])


def test_a_pid_file_whose_number_belongs_to_another_process_does_not_stop_the_start(data_dir):
    layout = Layout(data_dir)
    embedded.hold(data_dir).release()
    owner = layout.postgres.stat()
    stale = layout.postgres / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{layout.postgres}\n1\n5432\n\n\n\nready\n")
    os.chown(stale, owner.st_uid, owner.st_gid)

    with embedded.hold(data_dir):
        write(layout, "one")
        assert read(layout) == (["one"], ["one"])


def test_a_store_that_dies_is_reported_and_comes_back(data_dir):
    layout = Layout(data_dir)
    with embedded.hold(data_dir):
        write(layout, "one")
        valkey = next(process for process in processes(layout) if "valkey-server" in process.name())
        valkey.kill()
        assert wait_for(lambda: "valkey was ended by SIGKILL" in (layout.logs / "stores.log").read_text())

        def answers():
            try:
                return read(layout)
            except redis.ConnectionError:
                return None

        assert wait_for(answers)


def test_a_killed_user_leaves_nothing_behind(data_dir):
    layout = Layout(data_dir)
    source = (
        f"import time; from pathlib import Path; from config import embedded\nembedded.hold(Path({str(data_dir)!r}))"
    )
    user = subprocess.Popen(
        [sys.executable, "-c", f"{source}; print('up', flush=True); time.sleep(60)"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdout.readline() == "up\n"

    user.send_signal(signal.SIGKILL)
    user.wait()

    assert wait_for(lambda: processes(layout) == [])


def test_users_that_start_at_once_share_one_keeper(data_dir):
    data_dir.mkdir(mode=0o711)
    source = "import time; from pathlib import Path; from config import embedded\n"
    source += f"h = embedded.hold(Path({str(data_dir)!r}))"
    command = [sys.executable, "-c", f"{source}; print('up', flush=True); time.sleep(1)"]
    users = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]

    assert [user.communicate(timeout=60)[0] for user in users] == ["up\n"] * 4
    assert wait_for(lambda: processes(Layout(data_dir)) == [])


def test_a_long_path_gets_short_sockets(data_dir):
    deep = data_dir.parent / ("x" * 80) / ("y" * 80)
    layout = Layout(deep)
    deep.parent.mkdir(mode=0o711)

    with embedded.hold(deep):
        write(layout, "one")
        assert read(layout) == (["one"], ["one"])
    assert not layout.sockets.exists()


def test_throwaway_stores_leave_no_folder():
    folder = embedded.throwaway_directory()

    with embedded.hold(folder, throwaway=True):
        write(Layout(folder), "one")

    assert not folder.exists()


def test_a_failed_start_says_why(data_dir):
    data_dir.mkdir(mode=0o711)
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(embedded.EmbeddedStoresError, match=r"postgres does not start: .*postgresql\.conf"):
        embedded.hold(data_dir)
