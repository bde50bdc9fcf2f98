"""The compose file, against the compose specification and against what this project promises.

``compose-spec.json`` is the Compose Specification's schema (Apache-2.0), word for word as it
is in Docker Compose 5.6.1. Checked so, it needs no Docker.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from servers import Json, needs, refuse
from sqlalchemy.engine import make_url

ROOT = Path(__file__).parents[2]
KAFKA = ROOT / "deploy" / "kafka"
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
ROOT_USERS = {"root", "0", ""}
OURS = ("topics", "worker-1", "worker-2", "ticker", "register", "notify")


@pytest.fixture
def compose() -> Json:
    loaded: Json = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def validate(compose: Json) -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(compose)


def mounts(service: Json) -> list[tuple[str, str]]:
    """Return (source, target) of each mount, of either syntax."""
    short = [each.split(":")[:2] for each in service.get("volumes", []) if isinstance(each, str)]
    long = [each for each in service.get("volumes", []) if not isinstance(each, str)]
    return [(source, target) for source, target in short] + [
        (each["source"], each["target"]) for each in long
    ]


def tag(image: str) -> str:
    return image.rpartition("/")[2].partition(":")[2]


def test_the_compose_file_is_of_the_specification(compose: Json) -> None:
    validate(compose)


def test_the_specification_finds_a_misspelt_key_and_a_wrong_type(compose: Json) -> None:
    misspelt, wrong = copy.deepcopy(compose), copy.deepcopy(compose)
    misspelt["services"]["kafka"]["helthcheck"] = {}
    wrong["services"]["kafka"]["read_only"] = ["yes"]

    for broken in (misspelt, wrong):
        with pytest.raises(jsonschema.ValidationError):
            validate(broken)


def test_the_services_are_those_of_the_manual(compose: Json) -> None:
    assert compose["services"].keys() == {
        *("kafka", "topics", "worker-1", "worker-2", "ticker", "database", "register"),
        *("notify", "prometheus", "grafana"),
    }


def test_every_image_has_a_fixed_version(compose: Json) -> None:
    for name, service in compose["services"].items():
        # A version of PostgreSQL has two numbers.
        version = r"\d+\.\d+" if name == "database" else r"v?\d+\.\d+\.\d+"
        assert re.fullmatch(version, tag(service["image"])), name


def test_a_service_waits_only_for_services_that_can_fulfil_the_condition(compose: Json) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            assert wait["condition"] in CONDITIONS, name
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in services[other], (name, other)
            if wait["condition"] == "service_completed_successfully":
                assert services[other]["restart"] == "no", (name, other)


def test_workers_and_ticker_start_after_the_topics_were_made(compose: Json) -> None:
    for name in OURS[1:]:
        wait = compose["services"][name]["depends_on"]["topics"]
        assert wait["condition"] == "service_completed_successfully", name


def test_nothing_is_published_beyond_loopback(compose: Json) -> None:
    published = [port for each in compose["services"].values() for port in each.get("ports", [])]

    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published)
    assert not [each for each in compose["services"].values() if "network_mode" in each]


def test_the_workers_metrics_stay_inside_the_compose_network(compose: Json) -> None:
    for name in ("worker-1", "worker-2"):
        assert "ports" not in compose["services"][name]


def test_every_service_is_without_privileges(compose: Json) -> None:
    for name, service in compose["services"].items():
        assert service["user"].partition(":")[0] not in ROOT_USERS, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.keys() & {"privileged", "cap_add", "devices", "pid", "ipc"}, name


def test_our_own_services_have_a_root_that_cannot_be_written(compose: Json) -> None:
    for name in OURS:
        assert compose["services"][name]["read_only"] is True, name


def test_named_volumes_are_declared_used_and_never_shared(compose: Json) -> None:
    used = [
        source
        for service in compose["services"].values()
        for source, _ in mounts(service)
        if not source.startswith((".", "/", "$"))
    ]

    assert sorted(used) == sorted(compose["volumes"])


def test_what_is_mounted_from_the_repository_is_there_and_cannot_be_written(compose: Json) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            if isinstance(volume, str) and volume.startswith("."):
                assert volume.endswith(":ro"), volume
                assert (ROOT / volume.split(":")[0]).exists(), volume
            if not isinstance(volume, str):
                assert volume["read_only"] is True, volume


def test_every_service_of_ours_reads_the_configuration_where_its_command_says(
    compose: Json,
) -> None:
    for name in OURS:
        service = compose["services"][name]
        configuration = service["command"][service["command"].index("--config") + 1]
        assert configuration in [target for _, target in mounts(service)], name


def test_a_worker_keeps_its_state_on_its_own_volume(compose: Json) -> None:
    for name in ("worker-1", "worker-2"):
        service = compose["services"][name]
        state = service["command"][service["command"].index("--state") + 1]
        assert (f"{name}-state", state) in mounts(service)


def test_prometheus_scrapes_our_services_where_they_listen(compose: Json) -> None:
    path = ROOT / "deploy" / "prometheus" / "prometheus.yml"
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["scrape_configs"]
    scraped = {
        target
        for job in jobs
        if job["job_name"].startswith("longwatch-")
        for static in job["static_configs"]
        for target in static["targets"]
    }

    listening = {
        f"{name}:{service['command'][-1].rpartition(':')[2]}"
        for name, service in compose["services"].items()
        if "--metrics-address" in service.get("command", [])
    }

    assert scraped == listening


def test_the_register_is_written_to_the_database_of_the_file(compose: Json) -> None:
    command = compose["services"]["register"]["command"]
    url = make_url(command[command.index("--url") + 1])
    database = compose["services"][url.host]

    assert url.drivername == "postgresql+psycopg"
    assert url.username == database["environment"]["POSTGRES_USER"]
    assert url.database == database["environment"]["POSTGRES_DB"]
    assert database["ports"] == [f"127.0.0.1:5432:{url.port}"]


def test_clients_in_the_network_use_the_address_that_kafka_advertises_there(compose: Json) -> None:
    kafka = compose["services"]["kafka"]["environment"]
    advertised = kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")

    for name in OURS:
        command = compose["services"][name]["command"]
        assert f"PLAINTEXT://{command[command.index('--broker') + 1]}" in advertised, name


def test_a_client_on_the_host_is_sent_to_the_port_that_is_published(compose: Json) -> None:
    kafka = compose["services"]["kafka"]
    published, inside = kafka["ports"][0].rsplit(":", 1)

    assert f"HOST://{published}" in kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"HOST://:{inside}" in kafka["environment"]["KAFKA_LISTENERS"].split(",")


def test_the_broker_is_the_same_version_with_and_without_containers(compose: Json) -> None:
    pom = (KAFKA / "pom.xml").read_text(encoding="utf-8")

    version = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>([^<]+)<", pom)

    assert version is not None
    assert tag(compose["services"]["kafka"]["image"]) == version.group(1)


@pytest.mark.kafka
def test_the_start_up_of_kafkas_image_accepts_our_settings(compose: Json, tmp_path: Path) -> None:
    """The image's entry point merges file and environment by this class; it is in the jars."""
    libs = Path(os.environ.get("LONGWATCH_KAFKA_LIBS") or KAFKA / "libs")
    java = needs("java")
    if not list(libs.glob("kafka_*.jar")):
        refuse(f"no jars of Kafka in {libs}: run `make kafka`")
    for name in ("default", "mounted", "final"):
        (tmp_path / name).mkdir()
    for name in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
        (tmp_path / "default" / name).write_text("default=true\n", encoding="utf-8")
    shutil.copy(KAFKA / "server.properties", tmp_path / "mounted")
    ours = compose["services"]["kafka"]["environment"]
    there = {"KAFKA_LOG_DIRS": str(tmp_path / "data"), "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw"}

    done = subprocess.run(
        [
            *(java, "-cp", f"{libs}/*", "kafka.docker.KafkaDockerWrapper", "setup"),
            *("--default-configs-dir", "default", "--mounted-configs-dir", "mounted"),
            *("--final-configs-dir", "final"),
        ],
        cwd=tmp_path,
        env=ours | there,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "data" / "meta.properties").is_file(), done.stdout + done.stderr
    lines = (tmp_path / "final" / "server.properties").read_text(encoding="utf-8").splitlines()
    final = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    assert final["listeners"] == ours["KAFKA_LISTENERS"]
    assert final["auto.create.topics.enable"] == "false"
