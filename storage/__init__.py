"""Scored sessions to databases, and every read of them."""
