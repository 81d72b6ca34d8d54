"""Finding Terraform's provider on machines with and without the registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from terraform import tool
from terraform.tool import PROVIDER, TerraformMissingError, provider_mirror


def mirror(folder: Path) -> Path:
    (folder / PROVIDER).mkdir(parents=True)
    return folder


def test_the_folder_that_is_named_wins(tmp_path: Path) -> None:
    mirror(tmp_path / "opt" / "plugins")
    named = mirror(tmp_path / "named")
    assert provider_mirror({"TF_PLUGIN_DIR": str(named), "HOME": str(tmp_path)}, tmp_path) == named


def test_a_named_folder_without_the_provider_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TerraformMissingError, match=r"TF_PLUGIN_DIR is .*registry\.terraform\.io/hashicorp/aws"):
        provider_mirror({"TF_PLUGIN_DIR": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize(
    "place",
    [
        "home/.terraform.d/plugins",
        "home/.local/share/terraform/plugins",
        "data/terraform/plugins",
        "usr/local/share/terraform/plugins",
        "usr/share/terraform/plugins",
        "opt/some-plugins",
    ],
)
def test_a_mirror_is_found_in_the_usual_places(tmp_path: Path, place: str) -> None:
    found = mirror(tmp_path / place)
    environment = {"HOME": str(tmp_path / "home"), "XDG_DATA_DIRS": f"{tmp_path}/nothing:{tmp_path}/data"}
    assert provider_mirror(environment, tmp_path) == found


def test_no_mirror_is_found_where_there_is_none(tmp_path: Path) -> None:
    assert provider_mirror({"HOME": str(tmp_path)}, tmp_path) is None


def test_without_mirror_and_registry_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "REGISTRY", "http://127.0.0.1:1/")
    with pytest.raises(TerraformMissingError, match=r"`terraform providers mirror FOLDER`.*TF_PLUGIN_DIR"):
        tool.demand_registry()


def test_without_terraform_the_error_says_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TerraformMissingError, match=r"https://developer\.hashicorp\.com/terraform/install"):
        tool.executable()
