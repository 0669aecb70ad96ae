"""What kind of device a user agent stands for."""

import pytest

from ingest.parsing.agents import agent

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        pytest.param(f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "desktop", id="Windows"),
        pytest.param(f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Safari/605.1.15", "desktop", id="Mac"),
        pytest.param("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "desktop", id="Linux"),
        pytest.param(f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "desktop", id="Chrome OS"),
        pytest.param(f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36", "mobile", id="Android phone"),
        pytest.param(f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Safari/537.36", "tablet", id="Android tablet"),
        pytest.param(
            "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0", "mobile", id="Firefox phone"
        ),
        pytest.param(
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1",
            "mobile",
            id="iPhone",
        ),
        pytest.param(
            f"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1", "tablet", id="iPad"
        ),
        pytest.param(f"Mozilla/5.0 (PlayStation; PlayStation 5/6.50) {SAFARI} Safari/605.1.15", "other", id="console"),
        pytest.param(
            f"Mozilla/5.0 (Web0S; Linux/SmartTV) {CHROME} Safari/537.36 WebAppManager", "other", id="television"
        ),
        pytest.param("", None, id="nothing is known"),
        pytest.param("something else", None, id="unreadable"),
    ],
)
def test_a_device_has_the_class_that_its_user_agent_claims(user_agent: str, expected: str | None) -> None:
    assert agent(user_agent).device_class == expected
