"""The exchange, as the services see it: a port, its outcomes, and the adapter over python-binance."""
