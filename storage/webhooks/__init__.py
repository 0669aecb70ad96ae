"""Webhooks: a signed request to a shop's own server each time a session crosses into another band."""
