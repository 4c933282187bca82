"""The forms as a browser or a script sees them."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.timelapser.const import DOMAIN, SUBENTRY_TIMELAPSE

from .forms import DEFAULT_OPTIONS, RECIPE


async def test_through_the_api(
    hass: HomeAssistant, guarded: MockConfigEntry, system: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "config", {})
    assert await async_setup_component(hass, DOMAIN, {})
    client = await hass_client()

    async def post(path: str, data: dict[str, Any]) -> Any:
        response = await client.post(f"/api/config/config_entries/{path}", json=data)
        assert response.status == 200, await response.text()
        return await response.json()

    form = await post("flow", {"handler": DOMAIN})
    assert form["data_schema"] == [
        {
            "name": "camera",
            "required": True,
            "default": "",
            "selector": {"entity": {"filter": [{"domain": ["camera"]}], "multiple": False, "reorder": False}},
        }
    ]
    form = await post(f"flow/{form['flow_id']}", {"camera": "light.kitchen"})
    assert form["errors"] == {"camera": "not_a_camera"}
    assert form["data_schema"][0]["description"] == {"suggested_value": "light.kitchen"}

    menu = await post("options/flow", {"handler": guarded.entry_id})
    assert menu["menu_options"] == ["quality", "test"]
    form = await post(f"options/flow/{menu['flow_id']}", {"next_step_id": "quality"})
    retries = next(field for field in form["data_schema"] if field["name"] == "retries")
    assert retries["selector"] == {"number": {"min": 0.0, "max": 5.0, "step": 1.0, "mode": "box"}}
    form = await post(f"options/flow/{form['flow_id']}", DEFAULT_OPTIONS | {"retries": 9})
    assert form["errors"] == {"retries": "out_of_range"}

    form = await post("subentries/flow", {"handler": [guarded.entry_id, SUBENTRY_TIMELAPSE]})
    interval = next(field for field in form["data_schema"] if field["name"] == "interval")
    assert interval["selector"]["select"]["custom_value"]
    form = await post(f"subentries/flow/{form['flow_id']}", RECIPE | {"interval": -5, "window": "time"})
    assert form["errors"] == {"interval": "interval_out_of_range"}
    form = await post(f"subentries/flow/{form['flow_id']}", RECIPE | {"window": "time"})
    assert form["step_id"] == "window_time"
    form = await post(f"subentries/flow/{form['flow_id']}", {"start": "25:00", "end": "08:00"})
    assert form["errors"] == {"start": "time_format"}

    form = await post("flow", {"handler": DOMAIN, "entry_id": system.entry_id})
    assert (form["step_id"], [field["name"] for field in form["data_schema"]]) == (
        "reconfigure_storage",
        ["media_root", "byte_budget"],
    )
