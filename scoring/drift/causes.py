"""What usually causes it that a feature or a measure moves."""

from scoring.drift.measures import AUC, EVENTS, GAP, LATE, PROGRAMS, SESSIONS, SLOPE

#: The column of the scores.
SCORE = "probability"

_FEATURES: dict[str, tuple[str, ...]] = {
    "a template change: pages lost their type, or have another (data-page-type, path rules)": (
        *("Administrative", "Informational", "ProductRelated", "last_page_type"),
        *("Administrative_Duration", "Informational_Duration", "ProductRelated_Duration"),
    ),
    "pings stopped: another tracker, or a page that blocks it": ("engaged_seconds", "mean_scroll_depth"),
    "commerce events stopped, or are sent twice: look at the shop's dataLayer and at the tag": (
        *("distinct_products", "searches", "cart_adds", "cart_removes", "wishlist_adds", "checkout_step"),
    ),
    "prices or currency changed, or commerce events stopped": ("cart_quantity", "cart_value"),
    "page statistics moved: `opecom pages show`": ("PageValues", "BounceRates", "ExitRates"),
    "a campaign began or ended, or its links lost their parameters": ("TrafficType", "VisitorType"),
    "programs that look like people, or a campaign": ("Browser", "OperatingSystems", "device_class", "Region"),
    "visitors lost their history: another domain, consent or storage": (
        *("previous_sessions", "previous_purchases", "days_since_previous_session"),
    ),
    "programs that look like people, or a page that reloads itself": (
        *("elapsed_seconds", "seconds_since_previous_event", "page_views", "distinct_pages"),
    ),
    "another time zone (sites.NAME.timezone), or traffic of another part of the world": ("hour",),
    "another expected conversion came into force, or a feature above moved it": (SCORE,),
}
_MEASURES: dict[str, tuple[str, ...]] = {
    "a campaign or a holiday; fewer: the tag is missing on pages, consent, an outage": (SESSIONS,),
    "pings or commerce events stopped or are sent twice, or sessions are more or fewer": (EVENTS,),
    "programs came or went: a crawler, a monitor, an attack; they are not among the sessions that are compared": (
        PROGRAMS,
    ),
    "clocks of browsers or servers, a queue that held events back, or somebody sends history as live events": (LATE,),
    "purchases stopped being reported or are reported twice; else a sale, or buyers changed: `opecom learn`": (GAP,),
    "buyers behave otherwise than the model learned: `opecom learn`": (SLOPE, AUC),
}
CAUSES = {name: cause for given in (_FEATURES, _MEASURES) for cause, names in given.items() for name in names}
