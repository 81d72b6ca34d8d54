"""The state folder: private, whole, and the same for everyone who asks at once."""

from __future__ import annotations

import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from telemetry.errors import TelemetryError
from telemetry.local.host.ports import claim_port, is_free
from telemetry.local.host.state import State


def test_ports_are_remembered_and_differ(tmp_path: Path) -> None:
    state = State(tmp_path)
    names = [f"service-{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        ports = list(pool.map(state.port, names))
    assert len(set(ports)) == 20
    assert ports == [State(tmp_path).port(name) for name in names]


def test_a_secret_stays_the_same_and_private(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(State(tmp_path).secret, ["one"] * 20))
    assert len(secrets) == 1
    assert State(tmp_path).secret("two") not in secrets
    assert stat.S_IMODE((tmp_path / "secrets" / "one").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_documents_are_private(tmp_path: Path) -> None:
    State(tmp_path).write("ports", {"postgres": 1})
    assert stat.S_IMODE((tmp_path / "ports.json").stat().st_mode) == 0o600


def test_a_document_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    with pytest.raises(TelemetryError, match=r"ports\.json is not JSON"):
        State(tmp_path).port("postgres")


def test_a_taken_port_is_reported_with_its_owner_and_the_next_start_gets_another(tmp_path: Path) -> None:
    state = State(tmp_path)
    port = state.port("postgres")
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        with pytest.raises(TelemetryError, match=rf"Port {port} .* postgres .* \(process {os.getpid()}\)") as caught:
            claim_port(state, "postgres")
        assert "telemetry up" in caught.value.hint
        assert claim_port(state, "postgres") != port
    assert is_free(port)


def test_an_unwritable_state_folder_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TELEMETRY_STATE", str(tmp_path / "file" / "state"))
    with pytest.raises(TelemetryError, match=r"The state folder .*/file/state cannot be written") as caught:
        State.open()
    assert "TELEMETRY_STATE" in caught.value.hint
