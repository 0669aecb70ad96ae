"""The registry of models over HTTP, and promotions and roll-backs as jobs of the query API."""
