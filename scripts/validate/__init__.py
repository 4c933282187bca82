"""Rules for what Home Assistant and its stores read of the integration: manifest, texts, icons, brand, scale."""

from . import automations, manifest, repository, texts, usage
from .tree import DOMAIN, RULES, Finding, Tree, validate

__all__ = ["DOMAIN", "RULES", "Finding", "Tree", "automations", "manifest", "repository", "texts", "usage", "validate"]
