"""What a user of Feast runs: features of entities at times, from a repository. Run by Feast's own Python, not by ours.

Reads rows {site, session_id, event_timestamp} as JSON Lines from standard input, and writes them with their features.
"""

import json
import sys

import pandas as pd
from feast import FeatureStore

wanted = pd.DataFrame([json.loads(line) for line in sys.stdin])
wanted["event_timestamp"] = pd.to_datetime(wanted["event_timestamp"], format="ISO8601", utc=True)
store = FeatureStore(repo_path=sys.argv[1])
names = [
    f"{view.name}:{field.name}"
    for view in store.list_feature_views()
    for field in view.features
    if view.name in sys.argv[2:]
]
found = store.get_historical_features(entity_df=wanted, features=names).to_df()
store.get_historical_features(entity_df=wanted, features=store.get_feature_service("contract_2"))
for row in found.to_dict("records"):
    row["event_timestamp"] = row["event_timestamp"].isoformat()
    print(
        json.dumps({name: None if pd.isna(value) else value for name, value in row.items()}, default=lambda v: v.item())
    )
