"""What a crash leaves of a script: the append-only file is cut at every byte of every script's transaction, the server
starts, is killed and starts again, and the services take up what they find. Nothing may be wrong then.

Two things are done to each script that moves money or the journal:

- the file is cut at a byte, and the server at hand (Debian's redis-server where it is installed, else the embedded
  Valkey) loads it as it is, twice, with other traffic between, without the repair that our own supervisor does first;
- the transaction's first commands are applied without the others, for each number of them. That is what Redis 7.0.15
  makes of a torn tail at its second start; it is written down here, so that it is tested where only Valkey is at hand.
"""
