"""The prediction API: the report's fields in and out, refusals that name the field, many sessions at once."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from scoring import api, registry
from scoring.features import MONTHS, NAMES, VISITOR_TYPES
from scoring.prediction import FIELDS
from scoring.words import words_of
from tests.support.models import registry_of
from tests.support.predictions import EXAMPLE, client
from tests.support.registry import registry_with

JSON = {"content-type": "application/json"}
KEY = "read-key-of-sixteen-or-more"


def table(*sessions: dict[str, Any], header: tuple[str, ...] = FIELDS) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *(list(each.values()) for each in sessions)])
    return text.getvalue()


async def test_a_prediction_has_the_report_s_fields_and_no_others() -> None:
    async with client() as http:
        answer = await http.post("/predict", json=EXAMPLE)
    assert answer.status_code == 200
    said = answer.json()
    assert said.keys() == {"label", "probability", "inference_latency_ms", "total_latency_ms"}
    assert said["label"] in ("YES", "NO")
    assert 0 <= said["probability"] <= 1
    assert 0 < said["inference_latency_ms"] <= said["total_latency_ms"]
    assert answer.headers["x-opecom-model"] == registry.current()


async def test_reasons_come_where_they_are_requested() -> None:
    async with client() as http:
        plain = (await http.post("/predict?reasons=false", json=EXAMPLE)).json()
        said = (await http.post("/predict?reasons=true", json=EXAMPLE)).json()
    assert said["probability"] == plain["probability"]
    assert len(said["reasons"]) == 3
    strengths = [abs(each["contribution"]) for each in said["reasons"]]
    assert strengths == sorted(strengths, reverse=True)
    assert all(each["text"].startswith(f"{words_of(each['feature']).name}, ") for each in said["reasons"])


async def test_a_feature_at_its_reference_value_gives_no_reason() -> None:
    manifest = registry.load().manifest
    reference = dict(zip(FIELDS, manifest.reference, strict=True))
    said_so = {name: value if isinstance(EXAMPLE[name], float) else round(value) for name, value in reference.items()}
    words = {
        "month": MONTHS[max(said_so["month"], 1) - 1],
        "visitor_type": ("", *VISITOR_TYPES)[said_so["visitor_type"]],
        "weekend": bool(said_so["weekend"]),
    }
    moved = [dict(zip(FIELDS, NAMES, strict=True))[name] for name in FIELDS if reference[name] != said_so[name]]
    moved += ["Month"] if said_so["month"] == 0 else []
    async with client() as http:
        said = (await http.post("/predict?reasons=true", json=said_so | words)).json()
        higher = (await http.post("/predict?reasons=true", json=said_so | words | {"page_values": 30.0})).json()
    assert {each["feature"] for each in said["reasons"]} <= set(moved)
    assert {each["feature"] for each in higher["reasons"]} <= {"PageValues", *moved}
    assert higher["reasons"][0]["text"].startswith("value of the pages, 30, raises it by ")


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        pytest.param("page_values", float("nan"), "page_values: not a JSON number", id="NaN"),
        pytest.param("exit_rates", float("-inf"), "exit_rates: not a JSON number", id="infinity"),
        pytest.param("administrative", -1, "administrative: Expected `int` >= 0", id="a negative count"),
        pytest.param("product_related_duration", -0.5, "product_related_duration: Expected", id="negative seconds"),
        pytest.param("product_related_duration", 1e30, "product_related_duration: Expected", id="seconds out of range"),
        pytest.param("bounce_rates", 1.01, "bounce_rates: Expected `float` <= 1.0", id="a rate out of range"),
        pytest.param("month", "Jun", "month: 'Jun' is not one of Jan, Feb,", id="an unknown month"),
        pytest.param("weekend", 1, "weekend: Expected `bool`", id="another type"),
        pytest.param("browser", 2**31, "browser: Expected `int` <= 2147483647", id="a code out of range"),
        pytest.param("visitor", "New", "unknown field `visitor`", id="a misspelt field"),
    ],
)
async def test_a_field_that_cannot_be_used_is_named_in_one_line(field: str, value: Any, says: str) -> None:
    body = json.dumps(EXAMPLE | {field: value})
    async with client() as http:
        answer = await http.post("/predict", content=body, headers=JSON)
        many = await http.post("/predict/batch", content=f"[{json.dumps(EXAMPLE)},{body}]", headers=JSON)
    for each in (answer, many):
        assert each.status_code == 422
        assert each.json()["error"] == "invalid"
        assert says in each.json()["reason"]
        assert "\n" not in each.json()["reason"]


async def test_a_whole_number_may_be_written_with_a_point() -> None:
    async with client() as http:
        answer = await http.post("/predict", json=EXAMPLE | {"product_related": 35.0, "browser": 2.0})
        plain = await http.post("/predict", json=EXAMPLE)
        broken = await http.post("/predict", json=EXAMPLE | {"product_related": 35.0, "browser": 2.5})
    assert answer.json()["probability"] == plain.json()["probability"]
    assert broken.json()["reason"] == "browser: Expected `int`, got `float`"


async def test_a_missing_field_is_named() -> None:
    body = {name: value for name, value in EXAMPLE.items() if name != "month"}
    async with client() as http:
        answer = await http.post("/predict", json=body)
    assert (answer.status_code, answer.json()["reason"]) == (422, "Object missing required field `month`")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 10_000])
async def test_what_is_no_session_is_one_line(body: bytes) -> None:
    async with client() as http:
        answer = await http.post("/predict", content=body, headers=JSON)
    assert answer.status_code == 422
    assert "\n" not in answer.json()["reason"]


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        pytest.param({"visitor_type": "Robot"}, ["visitor_type"], id="a visitor type"),
        pytest.param({"visitor_type": "Other"}, None, id="Other is known"),
        pytest.param({"browser": 14, "traffic_type": 21}, ["browser", "traffic_type"], id="codes"),
        pytest.param({"browser": 0, "region": 0}, None, id="0 says itself that it is unknown"),
    ],
)
async def test_an_unknown_category_is_accepted_and_reported(given: dict[str, Any], unknown: list[str] | None) -> None:
    async with client() as http:
        answer = await http.post("/predict", json=EXAMPLE | given)
        [row] = (await http.post("/predict/batch", json=[EXAMPLE | given])).json()
    assert answer.status_code == 200
    assert answer.json().get("unknown") == row.get("unknown") == unknown


async def test_a_code_beyond_the_vocabulary_counts_as_unknown() -> None:
    async with client() as http:
        beyond = (await http.post("/predict", json=EXAMPLE | {"traffic_type": 21, "visitor_type": "Robot"})).json()
        zero = (await http.post("/predict", json=EXAMPLE | {"traffic_type": 0, "visitor_type": ""})).json()
    assert beyond["probability"] == zero["probability"]


async def test_many_sessions_get_the_answers_that_each_would_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "SLICE", 4)
    sessions = [EXAMPLE | {"page_values": float(value), "product_related": value} for value in range(11)]
    async with client() as http:
        single = [(await http.post("/predict?reasons=true", json=each)).json() for each in sessions]
        many = (await http.post("/predict/batch?reasons=true", json=sessions)).json()
        text = await http.post("/predict/batch", content=table(*sessions), headers={"content-type": "text/csv"})
    assert [each["label"] for each in many] == [each["label"] for each in single]
    assert [each["probability"] for each in many] == pytest.approx([each["probability"] for each in single], abs=2e-6)
    assert [[r["feature"] for r in each["reasons"]] for each in many] == [
        [r["feature"] for r in each["reasons"]] for each in single
    ]
    assert text.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text.text)))
    assert [(row["label"], float(row["probability"])) for row in rows] == [
        (each["label"], each["probability"]) for each in many
    ]


async def test_csv_takes_the_columns_of_uci_s_file_in_any_order_and_passes_over_others() -> None:
    header = (*NAMES[::-1], "Revenue")
    row = {**dict(list(EXAMPLE.items())[::-1]), "bought": "TRUE"}
    async with client() as http:
        single = (await http.post("/predict", json=EXAMPLE)).json()
        answer = await http.post(
            "/predict/batch?reasons=true",
            content="\ufeff" + table(row, header=header),
            headers={"content-type": "text/csv; charset=utf-8"},
        )
    [said] = csv.DictReader(io.StringIO(answer.text))
    assert float(said["probability"]) == single["probability"]
    assert " it by " in said["reason_1"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "the header lacks Administrative", id="nothing"),
        pytest.param(table(EXAMPLE | {"month": "x"}), "row 1, month: 'x' is not one of", id="a month"),
        pytest.param(table(EXAMPLE, EXAMPLE | {"page_values": "nan"}), "row 2, page_values: Expected", id="NaN"),
        pytest.param(table(EXAMPLE) + "1,2\r\n", "row 2 has 2 columns, the header 17", id="a short row"),
        pytest.param(table(header=(*FIELDS, "Month")), "the header has Month twice", id="twice"),
        pytest.param(table() + '"', "line 2 is not CSV", id="an open quote"),
    ],
)
async def test_a_table_that_cannot_be_used_is_one_line_with_its_row(text: str, says: str) -> None:
    async with client() as http:
        answer = await http.post("/predict/batch", content=text, headers={"content-type": "text/csv"})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert says in answer.json()["reason"]
    assert "\n" not in answer.json()["reason"]


async def test_bodies_are_limited_and_of_the_types_that_no_page_sends_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MOST_BYTES", 50)
    async with client() as http:
        large = await http.post("/predict", json=EXAMPLE)
        form = await http.post("/predict", content=json.dumps(EXAMPLE), headers={"content-type": "text/plain"})
        misspelt = await http.post("/predict?reason=true", json={})
        doubtful = await http.post("/predict?reasons=yes", json={})
    assert [each.status_code for each in (large, form, misspelt, doubtful)] == [413, 415, 422, 422]
    assert "reasons: say true, false or all" in doubtful.json()["reason"]


async def test_service_health_and_models_name_the_model(tmp_path: Path) -> None:
    folder = registry_of(tmp_path / "models", "m1", "m2")
    async with client(folder) as http:
        service, health, models = [(await http.get(path)).json() for path in ("/", "/health", "/models")]
    assert service == {"service": "op-ecom", "version": service["version"], "model": "m1", "docs": "/docs"}
    assert health == {"status": "ok", "model": "m1"}
    assert models["current"] == "m1"
    assert [each["version"] for each in models["models"]] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        pytest.param("127.0.0.1", {}, 200, id="from here"),
        pytest.param("10.0.0.7", {}, 401, id="from elsewhere"),
        pytest.param("10.0.0.7", {"x-opecom-key": KEY}, 200, id="with a key"),
        pytest.param("127.0.0.1", {"host": "rebound.example"}, 401, id="by a foreign name"),
    ],
)
async def test_predictions_are_for_those_who_may_read(peer: str, headers: dict[str, str], status: int) -> None:
    async with client(peer=peer, read_keys=(KEY,)) as http:
        answers = [
            await http.post("/predict", json=EXAMPLE, headers=headers),
            await http.post("/predict/batch", json=[EXAMPLE], headers=headers),
            await http.get("/models", headers=headers),
        ]
        open_to_all = await http.get("/health", headers=headers)
    assert [each.status_code for each in answers] == [status] * 3
    assert open_to_all.status_code == 200


async def test_the_metrics_count_predictions() -> None:
    async with client() as http:
        await http.post("/predict", json=EXAMPLE)
        metrics = (await http.get("/metrics")).text
        docs = await http.get("/docs")
    assert re.search(r'opecom_api_requests_total\{route="/predict",status="200"\} 1\.0', metrics)
    assert docs.status_code == 200


async def test_a_table_of_another_country_is_predicted_the_same() -> None:
    there = table(EXAMPLE).replace(",", ";").replace(".", ",")
    async with client() as http:
        ours = await http.post("/predict/batch", content=table(EXAMPLE), headers={"content-type": "text/csv"})
        for body, kind in [(there.encode(), "text/csv"), (there.encode("utf-16"), "text/csv; charset=utf-16")]:
            theirs = await http.post("/predict/batch", content=body, headers={"content-type": kind})
            assert (theirs.status_code, theirs.text) == (200, ours.text)


async def test_a_number_that_stays_open_is_decided_by_the_request() -> None:
    open_ = EXAMPLE | {"product_related_duration": "1.234", "bounce_rates": 0, "exit_rates": 0, "page_values": 3}
    open_ |= {"administrative_duration": 0, "informational_duration": 0, "special_day": 0}
    async with client() as http:

        async def post(query: str) -> Any:
            return await http.post(f"/predict/batch{query}", content=table(open_), headers={"content-type": "text/csv"})

        refused = await post("")
        assert refused.status_code == 422
        assert "row 1, column product_related_duration: '1.234' may be" in refused.json()["reason"]
        assert "?locale=" in refused.json()["reason"]
        assert (await post("?locale=en")).text != (await post("?locale=de")).text
        assert "is no locale" in (await post("?locale=xx")).json()["reason"]


async def test_all_reasons_sum_to_the_distance_from_the_reference() -> None:
    manifest = registry.load().manifest
    async with client() as http:
        found = (await http.post("/predict?reasons=all", json=EXAMPLE)).json()
        strongest = (await http.post("/predict?reasons=true", json=EXAMPLE)).json()["reasons"]
    assert found["reasons"][:3] == strongest
    assert len(found["reasons"]) > 3
    moved = sum(each["contribution"] for each in found["reasons"])
    assert moved == pytest.approx(found["probability"] - manifest.reference_probability, abs=2e-5)


async def test_many_sessions_have_their_strongest_reasons_alone() -> None:
    async with client() as http:
        answer = await http.post("/predict/batch?reasons=all", json=[EXAMPLE])
    assert (answer.status_code, answer.json()["reason"]) == (422, "reasons: say true or false, not 'all'")


async def test_any_version_of_the_registry_answers_who_names_it(tmp_path: Path) -> None:
    async with client(registry_with(tmp_path, ["shifted"])) as http:
        current = await http.post("/predict", json=EXAMPLE)
        chosen = await http.post("/predict?model=shifted", json=EXAMPLE)
        many = await http.post("/predict/batch?model=shifted", json=[EXAMPLE])
        missing = await http.post("/predict?model=../shifted", json=EXAMPLE)
    assert current.headers["x-opecom-model"] != "shifted"
    assert chosen.headers["x-opecom-model"] == many.headers["x-opecom-model"] == "shifted"
    assert chosen.json()["probability"] == many.json()[0]["probability"] != current.json()["probability"]
    assert missing.status_code == 422
    assert missing.json()["reason"].startswith("model: model '../shifted' is not in")
