"""What the five services share: the contracts, the keys, the stream consumer, the scripts and the exchange port."""
