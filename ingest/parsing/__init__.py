"""What clients send as text, read and normalised: user agents, URLs, referrers, campaigns, field names. Pure."""
