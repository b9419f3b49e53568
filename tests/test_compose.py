"""docker-compose.yml fits the program: its variables, commands, files and keys. It is not started: tests need no Docker."""

import json
import re
import shlex
from typing import Any

import jsonschema
import pytest
import yaml
from eth_account import Account
from pydantic import ValidationError

from anchoring.settings import PREFIX, Settings
from scripts.devnet import ROOT
from tests.commands import command_line_error

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service.get("image") == "credanchor:local"]


def words_of(service: dict[str, Any]) -> list[str]:
    """The `credanchor …` of a service, inside a shell or not."""
    command = service["command"]
    line = command[2] if command[:2] == ["sh", "-c"] else shlex.join(command)
    return shlex.split(line[line.index("credanchor ") :].partition(";")[0])


def test_compose_is_valid_by_the_schema_of_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests/vectors/compose/compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(COMPOSE)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(schema).validate(COMPOSE | {"services": {"api": {"comand": []}}})


def dockerfile(service: dict[str, Any]) -> str:
    """What a service is built by; nothing where it is not built here."""
    build = service.get("build", {})
    if "dockerfile" in build:
        path = ROOT / str(build["context"]) / str(build["dockerfile"])
        return path.read_text(encoding="utf-8")
    return str(build.get("dockerfile_inline", ""))


@pytest.mark.parametrize("name", OURS)
def test_compose_sets_settings_that_exist_to_values_they_may_have(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = SERVICES[name]["environment"]
    assert all(variable.startswith(PREFIX) and isinstance(value, str) for variable, value in environment.items())
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    try:
        settings = Settings()
    except ValidationError as wrong:
        pytest.fail(str(wrong))
    shown = settings.model_dump(mode="json", exclude_unset=True)
    assert sum(len(group) for group in shown.values()) == len(environment), "a variable names no setting"


@pytest.mark.parametrize("name", OURS)
def test_compose_runs_commands_that_exist_with_their_options(name: str) -> None:
    program, *words = words_of(SERVICES[name])
    assert program == "credanchor"
    assert command_line_error(words) is None


def test_compose_runs_every_part_once() -> None:
    verbs = {name: " ".join(words_of(SERVICES[name])[1:3]) for name in OURS}
    once = {"migrate": "store migrate", "deploy": "ledger deploy", "status-keys": "status key"}
    assert verbs == once | {"api": "service run", "rounds": "anchor run"}


def test_compose_starts_parts_after_what_they_need() -> None:
    for name, needed in {"api": ["migrate", "deploy", "status-keys"], "rounds": ["migrate", "deploy"]}.items():
        expected = {key: {"condition": "service_completed_successfully"} for key in needed}
        assert SERVICES[name]["depends_on"] == expected
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["deploy"]["depends_on"] == {"ledger": {"condition": "service_healthy"}}


def test_compose_grants_the_key_that_rounds_sign_with_and_not_the_administrator() -> None:
    keys = {name: SERVICES[name]["environment"][f"{PREFIX}LEDGER__PRIVATE_KEY"] for name in ("deploy", "rounds")}
    administrator, anchorer = (Account.from_key(keys[name]).address for name in ("deploy", "rounds"))
    words = words_of(SERVICES["deploy"])
    assert words[words.index("--anchorer") + 1] == anchorer != administrator


def test_compose_builds_from_files_that_exist() -> None:
    for service in SERVICES.values():
        if "build" not in service:
            continue
        context = ROOT / service["build"]["context"]
        for line in re.findall(r"^COPY (.*)$", dockerfile(service), re.MULTILINE):
            for source in line.split()[:-1]:
                assert (context / source).exists(), source


def test_compose_mounts_files_that_exist() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", []) if volume[0] == "."]
    assert len(mounted) == 5
    assert all((ROOT / path).is_file() for path in mounted)


def test_compose_names_images_without_a_registry_and_declares_its_volumes() -> None:
    for service in SERVICES.values():
        assert re.fullmatch(r"([a-z]+/)?[a-z-]+:[a-z0-9.-]+", service["image"])
        for volume in service.get("volumes", []):
            assert volume[0] == "." or volume.partition(":")[0] in COMPOSE["volumes"]
        for base in re.findall(r"^FROM (\S+)$", dockerfile(service), re.MULTILINE):
            assert re.fullmatch(r"[a-z-]+:[a-z0-9.-]+", base)
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), "for trying, nothing is offered to the network"


def test_compose_names_one_database_with_one_password() -> None:
    postgres = SERVICES["postgres"]["environment"]
    expected = f"postgresql://{postgres['POSTGRES_USER']}:{postgres['POSTGRES_PASSWORD']}@postgres/{postgres['POSTGRES_DB']}"
    assert {SERVICES[name]["environment"][f"{PREFIX}STORE__URL"] for name in OURS} == {expected}
