"""The offline half of the feature store on this machine: exported days, and a Feast repository over them."""
