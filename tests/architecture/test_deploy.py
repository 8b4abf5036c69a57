"""The examples under deploy/ speak of commands, options, variables and files that there are."""

import re
import shlex
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import click
import pytest

from avow.api.cli.group import avow

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
ACCESS = re.compile(r"\$\{([A-Z_]+)(?::\?)?\}")


def variables() -> set[str]:
    """What the reference of the configuration lists."""
    page = (ROOT / "docs" / "reference" / "configuration.md").read_text("utf-8")
    return set(re.findall(r"`(AVOW_[A-Z_0-9]+)`", page))


def check_command(words: list[str]) -> None:
    """Fail when the command line of `avow` has a command or an option that does not exist."""
    command: click.Command = avow
    context = click.Context(avow)
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        assert found is not None, f"avow has no command {words[0]!r}"
        command, words = found, words[1:]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    unknown = [word for word in words if word.startswith("-") and word not in known]
    assert unknown == [], f"{command.name} has no option {unknown}"


def compose() -> dict[str, Any]:
    """The compose file, its anchors resolved."""
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "docker-compose.yml").read_text("utf-8"))
    return found


def ours() -> Iterator[tuple[str, dict[str, Any]]]:
    """The services that run `avow`."""
    for name, service in compose()["services"].items():
        if service.get("image") == "avow":
            yield name, service


def unit(path: Path) -> dict[str, list[tuple[str, str]]]:
    """A unit's sections with their keys, which may come several times."""
    sections: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in path.read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
            sections[section] = []
        else:
            key, equals, value = line.partition("=")
            assert equals and key.isalnum(), line
            sections[section].append((key, value))
    return sections


def test_every_variable_is_in_the_reference() -> None:
    known = variables()
    for path in sorted(path for path in DEPLOY.rglob("*") if path.is_file()):
        used = set(re.findall(r"\bAVOW_[A-Z_0-9]+", path.read_text("utf-8")))
        assert used <= known, path.relative_to(ROOT)


def test_compose_runs_commands_that_there_are() -> None:
    services = dict(ours())
    assert set(services) >= {"api", "answers", "proofs", "large-proofs"}
    for service in services.values():
        check_command(service["command"])
    queues = [
        service["environment"]["AVOW_QUEUES"]
        for service in services.values()
        if service["command"][0] == "worker"
    ]
    # Each queue is served, or jobs would wait for ever.
    assert sorted(queues) == ["infer", "large", "prove"]


def test_compose_refers_to_what_there_is() -> None:
    document = compose()
    services, volumes = document["services"], set(document["volumes"])
    given = set(re.findall(r"^([A-Z_]+)=", (COMPOSE / "example.env").read_text("utf-8"), re.M))
    asked = set(ACCESS.findall((COMPOSE / "docker-compose.yml").read_text("utf-8")))
    assert asked <= given
    used = set()
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                # The key is made by the operator, after the example's own words.
                assert source == "./api-key" or (COMPOSE / source).resolve().is_file(), source
            else:
                used.add(source)
        # Nothing but this machine reaches a published port.
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
    assert used == volumes
    build = services["api"]["build"]
    assert (COMPOSE / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_prometheus_scrapes_what_compose_runs() -> None:
    settings = yaml.safe_load((COMPOSE / "prometheus.yml").read_text("utf-8"))
    services = dict(ours())
    targets = [
        target
        for job in settings["scrape_configs"]
        for one in job["static_configs"]
        for target in one["targets"]
    ]
    assert {target.split(":")[0] for target in targets} == set(services)
    for target in targets:
        name, port = target.split(":")
        if name != "api":
            assert services[name]["environment"]["AVOW_METRICS"].endswith(f":{port}")
    rules = yaml.safe_load((DEPLOY / "prometheus" / "avow.rules.yml").read_text("utf-8"))
    assert all({"alert", "expr", "annotations"} <= set(one) for one in rules["groups"][0]["rules"])


def test_the_image_is_built_from_what_there_is() -> None:
    text = (COMPOSE / "Dockerfile").read_text("utf-8")
    assert text.count("\nFROM ") + text.startswith("FROM ") == 2 and 'ENTRYPOINT ["avow"]' in text
    assert re.search(r"^USER avow$", text, re.M)
    extras = re.search(r'"\.\[([a-z0-9,]+)\]"', text)
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert extras is not None
    for extra in extras[1].split(","):
        assert re.search(rf"^{extra} = \[", project, re.M), extra
    ignored = (COMPOSE / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored and all((ROOT / name).exists() for name in kept)
    assert {"api", "circuits", "models", "prover", "verifier"} <= set(kept)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_units_run_commands_that_there_are(path: Path) -> None:
    sections = unit(path)
    assert list(sections) == ["Unit", "Service", "Install"]
    service = sections["Service"]
    (line,) = [value for key, value in service if key == "ExecStart"]
    program, *words = shlex.split(line)
    assert program == "/opt/avow/bin/avow"
    check_command(words)
    keys = {key for key, _ in service}
    assert {"User", "Restart", "NoNewPrivileges", "ProtectSystem", "StateDirectory"} <= keys
    loaded = {value.split(":")[0] for key, value in service if key == "LoadCredential"}
    for key, value in service:
        if key == "Environment" and "%d/" in value:
            assert value.partition("%d/")[2] in loaded


def test_there_is_a_unit_for_each_process() -> None:
    assert [path.stem for path in UNITS] == [
        "avow-api",
        "avow-provider",
        "avow-validator",
        "avow-worker",
    ]
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string("[env]\n" + (DEPLOY / "systemd" / "avow.env").read_text("utf-8"))
    assert set(parser["env"]) <= variables()


@pytest.mark.parametrize("words", [["wroker"], ["worker", "--concurency", "2"], ["keys", "mak"]])
def test_a_planted_command_is_found(words: list[str]) -> None:
    with pytest.raises(AssertionError, match="has no"):
        check_command(words)
