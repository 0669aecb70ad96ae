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
        pytest.param("Mozilla/5.0 (X11; OpenBSD amd64; rv:133.0) Gecko/20100101 Firefox/133.0", "desktop", id="BSD"),
        pytest.param(
            "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Tablet PC 2.0)", "desktop", id="Windows with a pen"
        ),
        pytest.param(
            f"Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Lumia 950) {CHROME} Mobile Safari/537.36 Edge/15.15063",
            "mobile",
            id="Windows phone",
        ),
        pytest.param("Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) KAIOS/2.5", "mobile", id="KaiOS"),
        pytest.param(f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {CHROME} ArkWeb/4.1 Mobile", "mobile", id="HarmonyOS"),
        pytest.param(f"Mozilla/5.0 (Tablet; OpenHarmony 5.0) {CHROME} ArkWeb/4.1", "tablet", id="HarmonyOS tablet"),
        pytest.param("Opera/9.80 (Android; Opera Mini/36.2; U; id) Presto/2.12.423", "mobile", id="Opera Mini"),
        pytest.param(
            "Mozilla/5.0 (Android 13; Tablet; rv:133.0) Gecko/133.0 Firefox/133.0", "tablet", id="Firefox tablet"
        ),
        pytest.param(f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {CHROME} Silk/108 Safari/537.36", "tablet", id="Fire"),
        pytest.param(f"Mozilla/5.0 (Linux; Android 9; AFTEUFF014) {CHROME} Silk/108", "other", id="Fire TV"),
        pytest.param(f"Mozilla/5.0 (Windows NT 10.0) {CHROME} after Safari/537.36", "desktop", id="no Fire TV"),
        pytest.param(f"Mozilla/5.0 (Linux; Android 11; SHIELD Android TV) {CHROME}", "other", id="Android TV"),
        pytest.param("AppleTV11,1/11.1", "other", id="Apple TV"),
        pytest.param(f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) {CHROME} TV Safari/537.36", "other", id="Tizen TV"),
        pytest.param(f"Mozilla/5.0 (Windows NT 10.0; Xbox; Xbox One) {CHROME} Edg/131", "other", id="Xbox"),
        pytest.param(f"Mozilla/5.0 (X11; GNU/Linux) {CHROME} Safari/537.36 Tesla/2024.4", "other", id="car"),
        pytest.param("Mozilla/5.0 (Apple Watch; CPU Watch OS 10 like Mac OS X)", "other", id="watch"),
        pytest.param(
            f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) {CHROME} Mobile Safari/537.36 (compatible; Googlebot/2.1)",
            "mobile",
            id="a program that claims to be a phone",
        ),
        pytest.param("curl/8.5.0", None, id="a program that claims nothing"),
        pytest.param("", None, id="nothing is known"),
        pytest.param("something else", None, id="unreadable"),
    ],
)
def test_a_device_has_the_class_that_its_user_agent_claims(user_agent: str, expected: str | None) -> None:
    assert agent(user_agent).device_class == expected
