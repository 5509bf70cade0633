"""The daemons, one package each, the paper exchange they can trade on, and the `quantum` command."""
