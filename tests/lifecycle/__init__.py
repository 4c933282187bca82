"""Loading, changing and unloading, measured: nothing is left over."""
