"""The exchange's wire protocol: REST, signatures, rate limits and websockets over one `Exchange`."""
