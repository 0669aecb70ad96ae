"""deploy/kubernetes is valid, contained, and asks for nothing that the project does not have."""

import ipaddress
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from deploy.log import acls, topics
from deploy.settings.model import Settings, load, variable
from tests.support import compose, kubernetes
from tests.support.commands import parse
from tests.support.kubernetes import BASE, FOLDER, Object, containers, name, of_kind, pod, template

OBJECTS = kubernetes.base()
CONTAINERS = {container["name"]: (owner, container) for owner, container in containers(OBJECTS)}
DEPLOYMENTS = {name(each): each for each in of_kind(OBJECTS, "Deployment")}
EXAMPLE = FOLDER / "overlays" / "example"
SPOOL = FOLDER / "components" / "spool"
#: The oldest Kubernetes whose pods may sleep before they stop, and the newest that we know.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
LOOK = ("run", "learner", "--once")
#: Objects whose pods write to the registry of models.
WRITERS = {"op-ecom-init", "op-ecom-learner"}
#: Kinds of operators; no registry that we can use has their schemas.
CUSTOM = {
    "Kafka": "kafka.strimzi.io/v1",
    "KafkaNodePool": "kafka.strimzi.io/v1",
    "KafkaTopic": "kafka.strimzi.io/v1",
    "KafkaUser": "kafka.strimzi.io/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "TriggerAuthentication": "keda.sh/v1alpha1",
}
#: A value of each secret that an installation makes.
SECRETS = {
    "storage-url": "mariadb+pymysql://opecom:secret@mariadb/opecom",
    "clickhouse-password": "secret",
    "read-keys": '["0123456789abcdef"]',
    "token-secret": "secret",
    "password": "secret",
}


def label(of: Object) -> str:
    return f"{of['kind']}-{name(of)}"


def validate(of: Object) -> None:
    """Raises where the object does not follow the schema of its kind."""
    if of["kind"] in CUSTOM:
        assert of["apiVersion"] == CUSTOM[of["kind"]]
        return
    for each in VERSIONS:
        kubernetes_validate.validate(of, each, strict=True)


def in_force(monkeypatch: pytest.MonkeyPatch, container: Object, *folders: Any) -> Settings:
    """The settings of a container; a variable that is no setting is an error."""
    given = {key: value for folder in folders for key, value in kubernetes.settings(folder).items()}
    for each in container.get("env", []):
        given[each["name"]] = each.get("value") or SECRETS[each["valueFrom"]["secretKeyRef"]["key"]]
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    return load()


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, no_settings_file: None) -> Settings:
    """The settings of the base, as every container has them."""
    return in_force(monkeypatch, {"env": []}, BASE)


@pytest.mark.parametrize("of", OBJECTS, ids=label)
def test_an_object_follows_its_schema(of: Object) -> None:
    validate(of)


def test_every_file_of_the_base_is_used() -> None:
    files = {file.name for file in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kubernetes.kustomization(BASE)["resources"]) == files


@pytest.mark.parametrize("part", CONTAINERS)
def test_a_container_is_contained(part: str) -> None:
    owner, container = CONTAINERS[part]
    own = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    # The volume of models is of the group that writes there.
    group = {"fsGroup": 10001, "fsGroupChangePolicy": "OnRootMismatch"} if name(owner) in WRITERS else {}
    assert pod(owner)["securityContext"] == own | group
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert pod(owner)["automountServiceAccountToken"] is False
    assert pod(owner)["enableServiceLinks"] is False
    assert pod(owner)["terminationGracePeriodSeconds"] == 30


@pytest.mark.parametrize("part", CONTAINERS)
def test_a_container_runs_our_image_with_a_command_that_exists(part: str) -> None:
    _, container = CONTAINERS[part]
    assert container["image"] == f"op-ecom:{version('op-ecom')}"
    parse(container["args"])


def test_the_same_runs_here_as_under_compose() -> None:
    # Rights in Kafka are resources of Strimzi here.
    ours = {tuple(service["command"]) for service in compose.ours().values()} - {("topics", "acls", "--apply")}
    # The learner sleeps between two looks there; here a CronJob does.
    assert {tuple(container["args"]) for _, container in CONTAINERS.values()} - {LOOK} == ours - {LOOK[:2]}
    assert (LOOK in {tuple(container["args"]) for _, container in CONTAINERS.values()}, LOOK[:2] in ours) == (
        True,
        True,
    )


@pytest.mark.parametrize("folders", [(BASE,), (BASE, EXAMPLE)], ids=["base", "example"])
@pytest.mark.parametrize("part", CONTAINERS)
def test_variables_are_settings(part: str, folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, container = CONTAINERS[part]
    assert container["envFrom"] == [{"configMapRef": {"name": "op-ecom-settings"}}]
    assert in_force(monkeypatch, container, *folders).profile == "services"


def test_no_secret_is_here() -> None:
    assert not of_kind(OBJECTS, "Secret")
    for folder in (BASE, EXAMPLE):
        for key, value in kubernetes.settings(folder).items():
            assert not re.search(r"PASSWORD|SECRET|READ_KEYS|STORAGE__URL", key)
            assert "import_keys" not in value


def test_secrets_are_those_that_strimzi_makes_or_that_operations_lists() -> None:
    given = [each for _, container in CONTAINERS.values() for each in container.get("env", [])]
    refs = [each["valueFrom"]["secretKeyRef"] for each in given if "valueFrom" in each]
    document = (compose.ROOT / "docs" / "operations.md").read_text()
    users = {name(user) for user in of_kind(OBJECTS, "KafkaUser")}
    for ref in refs:
        if ref["name"] in users:
            assert ref["key"] == "password"
        else:
            assert f"secret generic {ref['name']}" in document
            assert f"--from-literal={ref['key']}=" in document


@pytest.mark.parametrize("part", ["ingest", "worker", "writer", "api", "webhooks"])
def test_probes_use_the_port_where_the_part_answers(part: str, settings: Settings) -> None:
    _, container = CONTAINERS[part]
    port, *others = container["ports"]
    assert [each["containerPort"] for each in others] == ([settings.console.port] if part == "api" else [])
    group = {"ingest": settings.ingest, "api": settings.api}.get(part)
    status = {"worker": settings.worker, "writer": settings.storage, "webhooks": settings.webhooks}.get(part)
    host, number = (group.host, group.port) if group else (status.metrics_host, status.metrics_port)
    assert (host, number) == ("0.0.0.0", port["containerPort"])  # noqa: S104 - inside its pod
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}


@pytest.mark.parametrize("of", of_kind(OBJECTS, "Service", "PodDisruptionBudget", "NetworkPolicy"), ids=label)
def test_a_selector_finds_pods(of: Object) -> None:
    spec = of["spec"]
    wanted = spec.get("podSelector", spec.get("selector"))
    wanted = wanted.get("matchLabels", wanted)
    found = [template(each)["metadata"]["labels"] for each in of_kind(OBJECTS, "Deployment", "Job", "CronJob")]
    assert any(wanted.items() <= labels.items() for labels in found)


def test_every_deployment_may_be_disrupted_one_by_one_and_spreads() -> None:
    for part, each in DEPLOYMENTS.items():
        labels = each["spec"]["template"]["metadata"]["labels"]
        (budget,) = [budget for budget in of_kind(OBJECTS, "PodDisruptionBudget") if name(budget) == part]
        (spread,) = pod(each)["topologySpreadConstraints"]
        assert each["spec"]["selector"]["matchLabels"] == labels
        assert budget["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
        assert spread["labelSelector"]["matchLabels"] == labels


def test_every_deployment_has_either_replicas_or_one_autoscaler() -> None:
    scaled = [
        each["spec"]["scaleTargetRef"]["name"] for each in of_kind(OBJECTS, "HorizontalPodAutoscaler", "ScaledObject")
    ]
    fixed = [part for part, each in DEPLOYMENTS.items() if "replicas" in each["spec"]]
    assert sorted(scaled + fixed) == sorted(DEPLOYMENTS)


def test_services_lead_to_their_part() -> None:
    for each in of_kind(OBJECTS, "Service"):
        _, container = CONTAINERS[name(each).removeprefix("op-ecom-")]
        for port, listens in zip(each["spec"]["ports"], container["ports"], strict=True):
            assert (port["port"], port["targetPort"]) == (listens["containerPort"], listens["name"])


def test_topics_are_as_our_command_wants_them(settings: Settings) -> None:
    wanted = {
        each.name: (each.partitions, each.replication, dict(each.settings)) for each in topics.wanted(settings.kafka)
    }
    found = {
        name(each): (
            each["spec"]["partitions"],
            each["spec"]["replicas"],
            {key: str(value) for key, value in each["spec"]["config"].items()},
        )
        for each in of_kind(OBJECTS, "KafkaTopic")
    }
    assert found == wanted


def test_our_parts_find_kafka(settings: Settings) -> None:
    (kafka,), (pool,) = (of_kind(OBJECTS, kind) for kind in ("Kafka", "KafkaNodePool"))
    (listener,) = kafka["spec"]["kafka"]["listeners"]
    assert kafka["spec"]["kafka"]["authorization"] == {"type": "simple"}
    assert settings.kafka.bootstrap == f"{name(kafka)}-kafka-bootstrap:{listener['port']}"
    assert (settings.kafka.security_protocol, listener["tls"]) == ("SASL_SSL", True)
    assert settings.kafka.sasl_mechanism.lower() == listener["authentication"]["type"]
    assert pool["spec"]["replicas"] == settings.kafka.replication
    assert kafka["spec"]["kafka"]["version"] == compose.services()["kafka"]["image"].partition(":")[2]
    for each in of_kind(OBJECTS, "KafkaNodePool", "KafkaTopic", "KafkaUser"):
        assert each["metadata"]["labels"]["strimzi.io/cluster"] == name(kafka)
    for user in of_kind(OBJECTS, "KafkaUser"):
        assert user["spec"]["authentication"] == listener["authentication"]


def test_each_part_is_a_user_of_kafka_with_the_rights_of_the_table(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    given = {
        acls.KafkaRight(name(user), rule["resource"]["type"], rule["resource"]["name"], operation)
        for user in of_kind(OBJECTS, "KafkaUser")
        for rule in user["spec"]["authorization"]["acls"]
        for operation in rule["operations"]
        if rule["resource"]["patternType"] == "literal"
    }
    # `store` is for a machine without a ClickHouse server.
    parts = [part for part in acls.PARTS if part != "store"]
    assert given == {right for part in parts for right in acls.rights(settings, part, "op-ecom-")}
    users = {}
    for part, (_, container) in CONTAINERS.items():
        password = [each for each in container.get("env", []) if each["name"] == variable("kafka.password")]
        users[part] = in_force(monkeypatch, container, BASE).kafka.username if password else ""
        monkeypatch.delenv(variable("kafka.username"), raising=False)
        for each in password:
            assert each["valueFrom"]["secretKeyRef"] == {"name": users[part], "key": "password"}
    no_kafka = dict.fromkeys(("models", "migrate"), "")
    own = ("ingest", "worker", "writer", "api", "webhooks", "learner")
    assert users == no_kafka | {part: f"op-ecom-{part}" for part in own} | {"topics": "op-ecom-operator"}


def test_the_certificate_of_kafka_is_where_the_setting_states(settings: Settings) -> None:
    (kafka,) = of_kind(OBJECTS, "Kafka")
    for owner, container in CONTAINERS.values():
        (volume,) = [each for each in pod(owner)["volumes"] if each["name"] == "kafka-ca"]
        (mount,) = [each for each in container["volumeMounts"] if each["name"] == "kafka-ca"]
        (item,) = volume["secret"]["items"]
        assert volume["secret"]["secretName"] == f"{name(kafka)}-cluster-ca-cert"
        assert str(settings.kafka.ca_file) == f"{mount['mountPath']}/{item['path']}"


def test_learner_and_query_api_write_to_the_registry_that_workers_read(settings: Settings) -> None:
    (claim,) = of_kind(OBJECTS, "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    read_only = {}
    for part, (owner, container) in CONTAINERS.items():
        mounts = [each for each in container["volumeMounts"] if each["name"] == "models"]
        for mount in mounts:
            (volume,) = [each for each in pod(owner)["volumes"] if each["name"] == "models"]
            assert volume["persistentVolumeClaim"]["claimName"] == name(claim)
            assert volume["persistentVolumeClaim"].get("readOnly", False) == mount.get("readOnly", False)
            assert Path(mount["mountPath"]) in Path(settings.scoring.registry).parents
            read_only[part] = mount.get("readOnly", False)
    assert read_only == {"models": False, "topics": False, "learner": False, "worker": True, "api": False}


def test_what_the_learner_keeps_outlives_its_pod_and_is_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    _, container = CONTAINERS["learner"]
    in_container = in_force(monkeypatch, container, BASE)
    registry, data = Path(in_container.scoring.registry), in_container.data_dir
    assert data.parent == registry.parent
    assert data != registry


def test_workers_are_scaled_by_their_lag_up_to_the_partitions(settings: Settings) -> None:
    (scaled,), (access,) = of_kind(OBJECTS, "ScaledObject"), of_kind(OBJECTS, "TriggerAuthentication")
    (trigger,) = scaled["spec"]["triggers"]
    given = trigger["metadata"]
    assert scaled["spec"]["maxReplicaCount"] == settings.kafka.partitions
    assert (given["topic"], given["consumerGroup"]) == (settings.kafka.events_topic, settings.worker.group)
    assert given["limitToPartitionsWithLag"] == "true"
    assert given["bootstrapServersFromEnv"] == variable("kafka.bootstrap")
    assert trigger["authenticationRef"] == {"name": name(access)}
    assert access["spec"]["env"] == [
        {"parameter": "username", "name": variable("kafka.username"), "containerName": "worker"}
    ]
    password = next(each for each in access["spec"]["secretTargetRef"] if each["parameter"] == "password")
    assert (password["name"], password["key"]) == ("op-ecom-worker", "password")


def test_the_network_lets_through_what_is_used_only(settings: Settings) -> None:
    (policy,) = [each for each in of_kind(OBJECTS, "NetworkPolicy") if name(each) == "op-ecom"]
    inward = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    outward = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    listening = {port["containerPort"] for _, each in CONTAINERS.values() for port in each.get("ports", [])}
    # The console has its own rule, with the API that serves it; nobody scrapes it.
    assert inward == listening - {settings.console.port}
    assert outward == {
        53, int(settings.kafka.bootstrap.rpartition(":")[2]), 3306, settings.storage.clickhouse_port, settings.api.port,
        settings.ingest.port,
    }  # fmt: skip


@pytest.mark.parametrize("part", ["api", "ingest"])
def test_ingest_and_the_query_api_find_each_other(settings: Settings, part: str) -> None:
    (service,) = [each for each in of_kind(OBJECTS, "Service") if name(each) == f"op-ecom-{part}"]
    port = service["spec"]["ports"][0]
    found = {"api": settings.ingest.api_url, "ingest": settings.api.ingest_url}
    assert found[part] == f"http://{name(service)}:{port['port']}"


def test_webhooks_alone_reach_the_internet_and_no_private_network_by_it() -> None:
    (policy,) = [each for each in of_kind(OBJECTS, "NetworkPolicy") if name(each) == "op-ecom-webhooks"]
    assert policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "webhooks"
    (rule,) = policy["spec"]["egress"]
    assert rule["ports"] == [{"port": 443}]
    blocks = [each["ipBlock"] for each in rule["to"]]
    reached = [ipaddress.ip_network(each["cidr"]) for each in blocks]
    excepted = [ipaddress.ip_network(inner) for each in blocks for inner in each.get("except", ())]
    for address in ("10.1.2.3", "172.20.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "fd00::1", "fe80::1"):
        private = ipaddress.ip_address(address)
        assert not any(private in each for each in reached) or any(private in each for each in excepted)


def test_the_spool_of_ingest_outlives_its_pods(
    monkeypatch: pytest.MonkeyPatch, no_settings_file: None, tmp_path: Path
) -> None:
    """As an overlay that takes the component installs it."""
    command = kubernetes.renderer()
    if command is None:
        pytest.skip("neither kubectl nor kustomize on the PATH")
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / "overlays" / "spooled"
    overlay.mkdir()
    lines = ["resources: [../../base]", "components: [../../components/spool]"]
    (overlay / "kustomization.yaml").write_text("\n".join(lines))
    objects = kubernetes.rendered(command, overlay)
    for of in objects:
        validate(of)
    ((owner, container),) = [each for each in containers(objects) if each[1]["name"] == "ingest"]
    in_container = in_force(monkeypatch, container, BASE)
    assert in_container.ingest.spool
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "spool"]
    assert Path(mount["mountPath"]) in in_container.data_dir.parents
    (volume,) = [each for each in pod(owner)["volumes"] if each["name"] == "spool"]
    claim_name = volume["persistentVolumeClaim"]["claimName"]
    (claim,) = [each for each in of_kind(objects, "PersistentVolumeClaim") if name(each) == claim_name]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert pod(owner)["securityContext"]["fsGroup"] == pod(owner)["securityContext"]["runAsGroup"]
    (scaled,) = [each for each in of_kind(objects, "HorizontalPodAutoscaler") if "ingest" in name(each)]
    room = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30
    assert room > scaled["spec"]["maxReplicas"] * in_container.ingest.spool_bytes


@pytest.fixture(scope="module")
def example() -> list[Object]:
    """What the example installs."""
    command = kubernetes.renderer()
    if command is None:
        pytest.skip("neither kubectl nor kustomize on the PATH")
    return kubernetes.rendered(command, EXAMPLE)


def test_the_example_renders_to_valid_objects_in_its_namespace(example: list[Object]) -> None:
    for of in example:
        validate(of)
        assert of["kind"] == "Namespace" or of["metadata"]["namespace"] == "op-ecom"
    assert {label(each) for each in OBJECTS} <= {label(each) for each in example}
    assert not of_kind(example, "Secret")


def test_the_example_gives_its_settings_and_its_image_to_every_container(example: list[Object]) -> None:
    (settings,) = of_kind(example, "ConfigMap")
    assert settings["data"] == kubernetes.settings(BASE) | kubernetes.settings(EXAMPLE)
    for _, container in containers(example):
        assert container["image"] == f"registry.example.com/op-ecom:{version('op-ecom')}"
        assert container["envFrom"] == [{"configMapRef": {"name": name(settings)}}]
