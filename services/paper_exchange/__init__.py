"""A paper exchange that speaks the Binance USDT-M futures protocol on loopback.

Reads bar files or a seed, and what clients send; writes its own state folder and nothing else; owns
orders, trades, positions and the wallet of one account; never talks to a real exchange.
"""
