"""Sites and their keys: what commands change, and what a first start makes."""
