"""`quantum backtest`: the five deciders over a folder of bars, in minutes, with a report."""
