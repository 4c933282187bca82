"""Cameras that live for a month and fall ill: whether their health says so, in time, and of no others."""
