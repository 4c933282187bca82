"""A phone with Home Assistant's app: it is registered as one, and what is pushed to it is caught."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from scripts.dev.guard import DOMAIN
from scripts.dev.hass import HomeAssistant, Json

BLUEPRINTS = Path(__file__).parents[2] / "blueprints" / "automation" / DOMAIN


class Phone:
    """What the phone is known as, and what it was sent."""

    def __init__(self, device_id: str, pushed: list[Json]) -> None:
        self.device_id = device_id
        self.pushed = pushed


@asynccontextmanager
async def phone(hass: HomeAssistant, name: str) -> AsyncIterator[Phone]:
    """Register a phone while the block runs."""
    pushed: list[Json] = []

    async def push(request: web.Request) -> web.Response:
        pushed.append(await request.json())
        limits = {"successful": 1, "errors": 0, "maximum": 500, "resetsAt": "2099-01-01T00:00:00.000Z"}
        return web.json_response({"rateLimits": limits}, status=201)

    app = web.Application()
    app.router.add_post("/push", push)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    registration = {
        "app_data": {"push_token": "token", "push_url": f"http://127.0.0.1:{port}/push"},
        "app_id": "io.example.test",
        "app_name": "Test",
        "app_version": "1.0",
        "device_id": name,
        "device_name": name,
        "manufacturer": "Test",
        "model": "Test",
        "os_name": "Test",
        "os_version": "1",
        "supports_encryption": False,
    }
    try:
        await hass.rest("POST", "/api/mobile_app/registrations", registration)
        (device,) = [item for item in await hass.ws("config/device_registry/list") if item["name"] == name]
        yield Phone(device["id"], pushed)
    finally:
        await runner.cleanup()


async def automate(hass: HomeAssistant, name: str, config: Json) -> str:
    """Make an automation as the editor does; return its entity."""
    await hass.rest("POST", f"/api/config/automation/config/{name}", {"alias": name, **config})
    await hass.wait_for_state(f"automation.{name}", "on")
    return f"automation.{name}"


async def use_blueprint(hass: HomeAssistant, blueprint: str, name: str, **inputs: object) -> str:
    """Import a blueprint and make an automation of it, as its forms do; return its entity."""
    text = (BLUEPRINTS / f"{blueprint}.yaml").read_text(encoding="utf-8")
    path = f"{DOMAIN}/{blueprint}.yaml"
    await hass.ws("blueprint/save", domain="automation", path=path, yaml=text)
    return await automate(hass, name, {"use_blueprint": {"path": path, "input": inputs}})
