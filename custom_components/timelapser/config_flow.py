"""The forms: a camera with its first timelapse, the shared settings, and everything that can be changed later."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, override

from homeassistant.components.camera.const import DOMAIN as CAMERA_DOMAIN
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_SYSTEM,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    OptionsFlow,
)
from homeassistant.core import callback, split_entity_id, valid_entity_id
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import voluptuous as vol

from .const import (
    CONF_BATTERY,
    CONF_BYTE_BUDGET,
    CONF_CAMERA,
    CONF_MEDIA_ROOT,
    DOMAIN,
    SUBENTRY_TIMELAPSE,
    SYSTEM_UNIQUE_ID,
)
from .core.errors import TimelapserError
from .core.models import IncidentEnd
from .core.redact import redact
from .flow_schema import (
    BATTERY_OPTIONS,
    CAMERA_SCHEMA,
    ConfigFormError,
    storage_schema,
)
from .learning import async_begin_anew
from .media_root import AllowedRoots, judge_storage
from .options_flow import CameraOptionsFlow
from .pictures import async_hold_look
from .preview import async_preview_texts, async_unavailable_texts
from .probe import Probe, async_probe_camera
from .settings import GIGABYTE, default_media_root, system_settings
from .timelapse_flow import FirstTimelapseContext, TimelapseFlow
from .typed import parse_number

SYSTEM_TITLE: Final = "Timelapser"

type StorageInput = tuple[str, float | None]
"""A media root and a budget in gigabytes, as they are stored."""


class TimelapserConfigFlow(ConfigFlow, domain=DOMAIN):
    """Choose a camera, see a scored still of it, and where needed say where frames go."""

    VERSION = 1

    _entity_id: str
    _probe: Probe
    _confirmed: StorageInput | None = None
    """A budget beyond the free space that the user has been warned of."""

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """Return the forms of a camera that is guarded."""
        return CameraOptionsFlow()

    @classmethod
    @callback
    @override
    def async_supports_options_flow(cls, config_entry: ConfigEntry) -> bool:
        """Return whether the entry is a camera: the system entry's settings are all in its reconfiguration."""
        return config_entry.unique_id != SYSTEM_UNIQUE_ID

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Return timelapses, for a camera."""
        return {} if config_entry.unique_id == SYSTEM_UNIQUE_ID else {SUBENTRY_TIMELAPSE: TimelapseFlow}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose a camera."""
        return await self._async_choose_camera("user", user_input, {})

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose another camera, or other shared settings."""
        entry = self._get_reconfigure_entry()
        if entry.unique_id == SYSTEM_UNIQUE_ID:
            return await self.async_step_reconfigure_storage()
        stored = entry.data[CONF_CAMERA]
        entity_id = er.async_resolve_entity_id(er.async_get(self.hass), stored) or stored
        return await self._async_choose_camera("reconfigure", user_input, {CONF_CAMERA: entity_id})

    async def _async_choose_camera(
        self, step_id: str, user_input: dict[str, Any] | None, suggested: Mapping[str, Any]
    ) -> ConfigFlowResult:
        """Show the choice of a camera until one is chosen that exists, then look through it."""
        errors: dict[str, str] = {}
        chosen = ""
        if user_input is not None:
            suggested = user_input
            chosen = str(user_input[CONF_CAMERA] or "")
            if (error := self._camera_error(chosen)) is None:
                return await self.async_step_probe()
            errors[CONF_CAMERA] = error
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(CAMERA_SCHEMA, suggested),
            errors=errors,
            description_placeholders={"camera": chosen},
        )

    def _camera_error(self, chosen: str) -> ConfigFormError | None:
        """Remember the entity that was chosen by its entity id or registry id, or return why it cannot be used."""
        if not chosen:
            return ConfigFormError.CAMERA_REQUIRED
        registry = er.async_get(self.hass)
        entity_id = er.async_resolve_entity_id(registry, chosen)
        if entity_id is None or not valid_entity_id(entity_id):
            return ConfigFormError.CAMERA_NOT_FOUND
        if split_entity_id(entity_id)[0] != CAMERA_DOMAIN:
            return ConfigFormError.NOT_A_CAMERA
        if registry.async_get(entity_id) is None and self.hass.states.get(entity_id) is None:
            return ConfigFormError.CAMERA_NOT_FOUND
        self._entity_id = entity_id
        return None

    @property
    def _registry_id(self) -> str | None:
        """Return the registry id of the chosen camera, which survives a rename; None for one that has none."""
        registered = er.async_get(self.hass).async_get(self._entity_id)
        return None if registered is None else registered.id

    async def async_step_probe(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Grab and score one still, unless the camera is guarded already."""
        self._async_abort_entries_match({CONF_CAMERA: self._entity_id})
        self._async_abort_entries_match({CONF_CAMERA: self._registry_id})
        self._probe = await async_probe_camera(self.hass, self._entity_id)
        return await self.async_step_preview()

    async def async_step_preview(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show what the still is worth; without one, warn."""
        if user_input is not None:
            return await self.async_step_accept()
        probe = self._probe
        if (evaluation := probe.evaluation) is None or probe.data is None:
            return await self.async_step_unavailable()
        # The view that serves the still is set up with the integration, which has no entry yet the first time.
        await async_setup_component(self.hass, DOMAIN, {})
        look = async_hold_look(self.hass, self._entity_id, probe.data, evaluation.content_type)
        return self.async_show_form(
            step_id="preview",
            data_schema=vol.Schema({}),
            description_placeholders=await async_preview_texts(
                self.hass, self._camera_name, probe, evaluation, look, registered=self._registry_id is not None
            ),
            last_step=self._camera_completes,
        )

    async def async_step_unavailable(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Warn that no still came, and let the user try again, choose again or go on."""
        return self.async_show_menu(
            step_id="unavailable",
            menu_options=["probe", "reconfigure" if self.source == SOURCE_RECONFIGURE else "user", "accept"],
            description_placeholders=await async_unavailable_texts(
                self.hass, self._camera_name, self._probe, registered=self._registry_id is not None
            ),
        )

    async def async_step_accept(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the chosen camera; the very first one is followed by the shared settings."""
        return await self._async_finish_camera() if self._camera_completes else await self.async_step_storage()

    @property
    def _camera_completes(self) -> bool:
        """Return whether nothing is left to ask once the camera is chosen."""
        return self.source == SOURCE_RECONFIGURE or self._system_entry is not None

    @property
    def _system_entry(self) -> ConfigEntry | None:
        """Return the entry of the shared settings."""
        return self.hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID)

    @property
    def _camera_name(self) -> str:
        """Return the name of the chosen camera as users know it."""
        return self._name_of(self._entity_id)

    def _name_of(self, entity_id: str) -> str:
        """Return the name of a camera: its state's, or its registry entry's while it has no state; never an address."""
        if (state := self.hass.states.get(entity_id)) is not None:
            name = state.name
        else:
            registered = er.async_get(self.hass).async_get(entity_id)
            name = (registered and (registered.name or registered.original_name)) or entity_id
        return redact(name) if "://" in name else name

    async def _async_finish_camera(self) -> ConfigFlowResult:
        """Make the camera's entry, or change it."""
        data: dict[str, Any] = {CONF_CAMERA: self._registry_id or self._entity_id}
        if self._probe.battery:
            data[CONF_BATTERY] = True
        if self.source != SOURCE_RECONFIGURE:
            options = BATTERY_OPTIONS if self._probe.battery else {}
            return self.async_create_entry(title=self._camera_name, data=data, options=options)
        entry = self._get_reconfigure_entry()
        stored = entry.data[CONF_CAMERA]
        former = er.async_resolve_entity_id(er.async_get(self.hass), stored) or stored
        title = self._camera_name if entry.title == self._name_of(former) else entry.title
        if entry.state is ConfigEntryState.LOADED and data[CONF_CAMERA] != stored:
            # What the former camera showed, how well, and whether it answered says nothing of this one; if that stays,
            # it is chosen anyway.
            with suppress(TimelapserError, HomeAssistantError):
                await async_begin_anew(entry.runtime_data, IncidentEnd.REPLACED)
        return self.async_update_and_abort(entry, title=title, data=data)

    async def async_step_storage(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say where the frames of all cameras go."""
        result = await self._async_storage_form("storage", user_input, {})
        if not isinstance(result, tuple):
            return result
        # Another first camera may have been faster: then its answer counts, and this flow is aborted.
        await self.hass.config_entries.flow.async_init(
            DOMAIN, context={"source": SOURCE_SYSTEM}, data=_storage_data(result)
        )
        return await self._async_finish_camera()

    async def async_step_reconfigure_storage(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change where the frames of all cameras go."""
        entry = self._get_reconfigure_entry()
        if user_input is None:
            stored = system_settings(self.hass)
            self._confirmed = (str(stored.media_root), entry.data.get(CONF_BYTE_BUDGET))
        result = await self._async_storage_form("reconfigure_storage", user_input, entry.data)
        if not isinstance(result, tuple):
            return result
        return self.async_update_and_abort(entry, data=_storage_data(result))

    async def _async_storage_form(
        self, step_id: str, user_input: dict[str, Any] | None, suggested: Mapping[str, Any]
    ) -> ConfigFlowResult | StorageInput:
        """Show the shared settings until they can be used, then return them."""
        default = default_media_root(self.hass)
        errors: dict[str, str] = {}
        free = ""
        if user_input is not None:
            suggested = user_input
            root = user_input[CONF_MEDIA_ROOT].strip()
            budget = user_input.get(CONF_BYTE_BUDGET)
            gigabytes = None if budget is None else parse_number(budget) or 0.0
            verdict = await self.hass.async_add_executor_job(judge_storage, root, gigabytes, self._allowed_roots)
            settings: StorageInput = (str(Path(root)), gigabytes)
            if verdict.usable and (verdict.budget is None or self._confirmed == settings):
                return settings
            self._confirmed = settings if verdict.usable else None
            found = {CONF_MEDIA_ROOT: verdict.path, CONF_BYTE_BUDGET: verdict.budget, "base": verdict.catalogue}
            errors = {field: error for field, error in found.items() if error is not None}
            free = "" if verdict.free is None else f"{verdict.free / GIGABYTE:.1f}"
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(storage_schema(default), suggested),
            errors=errors,
            description_placeholders={"default": str(default), "free": free},
            last_step=True,
        )

    @property
    def _allowed_roots(self) -> AllowedRoots:
        """Return the folders that frames may be put in."""
        config = self.hass.config
        return AllowedRoots(
            config=Path(config.config_dir),
            own=Path(config.path(DOMAIN)),
            others=tuple(Path(folder) for folder in (*config.media_dirs.values(), *config.allowlist_external_dirs)),
        )

    async def async_step_system(self, data: dict[str, Any]) -> ConfigFlowResult:
        """Make the entry of the shared settings, which no user starts by hand."""
        await self.async_set_unique_id(SYSTEM_UNIQUE_ID, raise_on_progress=False)
        self._abort_if_unique_id_configured()
        return self.async_create_entry(title=SYSTEM_TITLE, data=data)

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Lead from a new camera straight on to its first timelapse."""
        if self.source == SOURCE_SYSTEM:
            return result
        context = FirstTimelapseContext(source=SOURCE_USER, battery=self._probe.battery)
        timelapse = await self.hass.config_entries.subentries.async_init(
            (result["result"].entry_id, SUBENTRY_TIMELAPSE), context=context
        )
        result["next_flow"] = (FlowType.CONFIG_SUBENTRIES_FLOW, timelapse["flow_id"])
        return result


def _storage_data(settings: StorageInput) -> dict[str, Any]:
    """Return shared settings as the system entry stores them: no budget is no key."""
    root, budget = settings
    return {CONF_MEDIA_ROOT: root} | ({} if budget is None else {CONF_BYTE_BUDGET: budget})
