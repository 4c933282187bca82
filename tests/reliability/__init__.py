"""Promises about what does not go well, each with a control arm that breaks it."""
