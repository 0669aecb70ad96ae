"""Page statistics from the shop's own history, or from an export of another tool."""
