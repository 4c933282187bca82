"""Make the folder a package, as Home Assistant finds it."""
