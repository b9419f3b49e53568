"""Settings become a running store, ledger and clock. The only package that knows both sides of the ports."""
