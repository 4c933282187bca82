"""Measurements: each prints medians beside a peer of the same run, and writes JSON with ``--json FILE``."""
