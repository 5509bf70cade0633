"""`python -m services.paper_exchange`: the paper exchange as a process."""

from services.paper_exchange.server import main

if __name__ == "__main__":
    main()
