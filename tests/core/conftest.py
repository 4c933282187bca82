"""Load the pure core under its own name, as a process without Home Assistant does."""

from scripts.lib.core import load_core

load_core()
