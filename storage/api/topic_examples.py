"""One record of each kind for the AsyncAPI document: a visitor looks at a teapot and is scored."""

from collections.abc import Mapping

from msgspec import Struct

from ingest.events import Code, Context, Erase, Event, Page, Tick, UseExperiments, UseModel, UsePages
from scoring.features import Features
from scoring.signals import Signals
from stream.experiments.definition import Arm, ExperimentDefinition, HoldoutDefinition
from stream.fold.erasures import ErasureRecord, visitor_digest
from stream.fold.pages import PageRow, PagesMarker
from stream.interventions.definition import InterventionDefinition, QuietHours
from stream.scored import CategoryNames, Cause, Counts, DeadLetter, Reason, ScoredSession, View, version_of

_SITE, _SESSION, _VISITOR = "shop", "s-7f3a2c", "v-51d0e9"
_EVENT_ID, _PATH = "0190a000-0000-7000-8000-000000000001", "/products/teapot"
#: 1 January 2025, 12:00 UTC, in ms, and a second later.
_NOON = 1_735_732_800_000
_LATER = _NOON + 1_000
_BATCH = "2025-01-01T12"

#: By the struct of the message.
EXAMPLES: Mapping[type[Struct], Struct] = {
    type(example): example
    for example in (
        Event(
            event_id=_EVENT_ID,
            site=_SITE,
            session_id=_SESSION,
            visitor_id=_VISITOR,
            type="page_view",
            occurred_at=_NOON,
            received_at=_NOON + 40,
            page=Page(_PATH, "ProductRelated", "https://search.example/"),
            context=Context(Code(2, "Chrome"), Code(1, "Windows"), Code(3, "DE"), Code(2, "search"), ip="192.0.2.0"),
        ),
        Tick("live", _NOON + 2_400_000),
        UseModel("2025-01-01-first"),
        UseModel("logistic-shop-2025-03-01-5f0c2a91", _SITE),
        UsePages(7),
        Erase(visitor_digest(_SITE, _VISITOR), 3),
        UseExperiments(2),
        ScoredSession(
            site=_SITE,
            session_id=_SESSION,
            opened_at=_NOON,
            visitor_id=_VISITOR,
            started_at=_NOON,
            last_event_at=_LATER,
            origin=CategoryNames("Chrome", "Windows", "DE", "search"),
            revenue=False,
            amount=0.0,
            unverified_purchases=0,
            version=version_of(42, closed=False),
            event=Cause(42, _EVENT_ID, "page_view", "ProductRelated", _PATH),
            occurred_at=_NOON,
            updated_at=_LATER,
            status="open",
            features=Features(0, 0.0, 0, 0.0, 3, 95.5, 0.0, 0.02, 4.5, 0.0, "Jan", 1, 2, 3, 2, "New_Visitor", False),
            counts=Counts(4, 3, 1, 0, 0),
            pages_version=7,
            views=(View(_EVENT_ID, "ProductRelated", _PATH, _NOON, 0.0, False, True, 4.5),),
            probability=0.4321,
            label="NO",
            band="building",
            reasons=(Reason("PageValues", 4.5, 0.2, "value of the pages, 4.5, raises it by 20 points"),),
            model_version="2025-01-01-first",
            signals=Signals(
                page_views=3,
                events=4,
                elapsed_seconds=95.5,
                engaged_seconds=40.0,
                mean_scroll_depth=0.6,
                distinct_pages=2,
                distinct_products=1,
                last_page_type="ProductRelated",
                seconds_since_previous_event=12.5,
                searches=0,
                cart_adds=1,
                cart_removes=0,
                cart_quantity=1.0,
                cart_value=24.9,
                checkout_step=0,
                wishlist_adds=0,
                hour=12,
                device_class="desktop",
                previous_sessions=2,
                previous_purchases=0,
                days_since_previous_session=3.5,
                has_page_statistics=True,
            ),
        ),
        PageRow(_BATCH, _SITE, _PATH, 0.12, 0.2, 4.5),
        PagesMarker(_BATCH, 1),
        ErasureRecord(visitor_digest(_SITE, _VISITOR), _NOON),
        ExperimentDefinition(
            name="chat",
            site=_SITE,
            kind="action",
            unit="visitor",
            layer="chat",
            salt="3f9c2a7d51e08b64",
            arms=(Arm("control", ((0, 5_000),), acts=False), Arm("treatment", ((5_000, 10_000),))),
            status="running",
            started_at=_NOON,
            audience="band >= building and cart_value > 0",
            by="key operator",
        ),
        HoldoutDefinition(site=_SITE, salt="81d4e6a05b2f9c37", buckets=500, changed_at=_NOON, by="key operator"),
        InterventionDefinition(
            name="help",
            site=_SITE,
            when="probability > 0.5 and idle_seconds >= 60",
            action="webhook",
            status="running",
            started_at=_NOON,
            payload='{"text":"May we help?"}',
            visitor_cooldown_seconds=86_400,
            quiet=QuietHours(22, 8),
            by="key operator",
        ),
        DeadLetter(
            log="5L6g3nShT-eMCtK--X86sw",
            partition=0,
            offset=43,
            reason="undecodable",
            detail="JSON is malformed: invalid character (byte 0)",
            key=f"{_SITE}/{_SESSION}".encode(),
            raw=b"{type: page_view}",
        ),
    )
}
