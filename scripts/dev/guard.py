"""What the harness knows of Timelapser itself: its flows, its entities, its events."""

from dataclasses import dataclass
from typing import Final

from scripts.dev.hass import FlowKind, HassError, HomeAssistant, Json

DOMAIN: Final = "timelapser"
CAPTURED: Final = "timelapser_image_captured"
REJECTED: Final = "timelapser_image_rejected"
FAILED: Final = "timelapser_capture_failed"
DEGRADED: Final = "timelapser_camera_degraded"
RECOVERED: Final = "timelapser_camera_recovered"
OFFLINE: Final = "timelapser_camera_offline"
ONLINE: Final = "timelapser_camera_online"
TRANSITIONS: Final = (DEGRADED, RECOVERED, OFFLINE, ONLINE)
EVENTS: Final = (CAPTURED, REJECTED, FAILED, *TRANSITIONS)

# As quick as the options allow; the numbers of a real installation are wiser.
QUICK_OPTIONS: Final[Json] = {"degraded_after": 2, "recover_after": 2, "retries": 0}


@dataclass(frozen=True)
class Guard:
    """One camera that Timelapser guards."""

    hass: HomeAssistant
    entry_id: str

    @classmethod
    async def find(cls, hass: HomeAssistant, camera: str) -> Guard | None:
        """Return the guard of a camera, if there is one: its entry has the name of the camera."""
        state = await hass.state(camera)
        name = state and state["attributes"].get("friendly_name")
        entries = await hass.ws("config_entries/get", domain=DOMAIN)
        return next((cls(hass, entry["entry_id"]) for entry in entries if entry["title"] == name), None)

    @classmethod
    async def add(cls, hass: HomeAssistant, camera: str, *, name: str = "Every moment", interval: str = "10s") -> Guard:
        """Let Timelapser guard a camera, with one timelapse around the clock."""
        # The camera, its scored still, and for the first one where frames go: the defaults will do.
        result = await _answer(hass, "config", await hass.flow_start("config", DOMAIN), {"user": {"camera": camera}})
        guard = cls(hass, result["result"]["entry_id"])
        # That leads straight on to the first timelapse.
        first = await hass.flow_show("subentry", result["next_flow"][1])
        await _answer(hass, "subentry", first, {"user": {"name": name, "interval": interval, "window": "always"}})

        async def ready() -> bool:
            return any(key.endswith("_image_count") for key in await guard.entities())

        await hass.wait_for("the entities of the timelapse", ready)
        return guard

    async def set_options(self, options: Json) -> None:
        """Change options of the camera; the others keep their defaults."""
        menu = await self.hass.flow_start("options", self.entry_id)
        result = await self.hass.flow_step("options", menu["flow_id"], {"next_step_id": "quality"})
        await _answer(self.hass, "options", result, {"quality": options})

    async def options(self) -> Json:
        """Return the camera's options as its form shows them."""
        menu = await self.hass.flow_start("options", self.entry_id)
        form = await self.hass.flow_step("options", menu["flow_id"], {"next_step_id": "quality"})
        await self.hass.flow_end("options", menu["flow_id"])
        return {field["name"]: field["description"]["suggested_value"] for field in form["data_schema"]}

    async def entities(self) -> dict[str, str]:
        """Return the camera's entity ids by the key of their description (`degraded`, `connectivity`, `health` ...)."""
        prefix = f"{self.entry_id}_"
        return {
            entry["unique_id"].removeprefix(prefix): entry["entity_id"]
            for entry in await self.hass.ws("config/entity_registry/list")
            if entry["platform"] == DOMAIN and entry["unique_id"].startswith(prefix)
        }

    async def values(self) -> dict[str, str]:
        """Return the states of all of the camera's and its timelapses' entities by the end of their unique ids."""
        states = await self.hass.states()
        return {key: states[entity]["state"] for key, entity in (await self.entities()).items() if entity in states}

    async def wait_for(self, key: str, value: str, timeout: float) -> None:
        """Wait until an entity has a state."""
        entities = await self.entities()
        if key not in entities:
            raise HassError(f"Timelapser has no entity {key}, but {sorted(entities)}")
        await self.hass.wait_for_state(entities[key], value, timeout=timeout)


async def _answer(hass: HomeAssistant, kind: FlowKind, result: Json, answers: dict[str, Json]) -> Json:
    """Answer the forms of a flow by their step ids, confirm those that are not named, return the entry."""
    for _ in range(10):
        if result["type"] != "form":
            break
        step = result["step_id"]
        result = await hass.flow_step(kind, result["flow_id"], answers.get(step, {}))
        if result.get("errors"):
            raise HassError(f"Timelapser's form {step}: {result['errors']}")
    if result["type"] != "create_entry":
        raise HassError(f"Timelapser's {kind} flow ended with {result}")
    return result
