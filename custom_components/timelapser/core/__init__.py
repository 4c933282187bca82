"""The pure part of Timelapser: no Home Assistant, no asyncio; enters any process under any package name."""
