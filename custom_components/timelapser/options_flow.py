"""The forms of a guarded camera: how strictly it is judged, and what it would say of a picture."""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult, OptionsFlow
from homeassistant.exceptions import ServiceValidationError

from .const import CONF_CAMERA
from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .core.detection import Evaluation
from .core.detection.gate import MAX_BYTES
from .core.errors import Code, ImageError
from .exceptions import not_loaded
from .flow_schema import (
    CONF_PICTURE,
    OPTION_RULES,
    UPLOAD_SCHEMA,
    OptionsFormError,
    judge_options,
    option_defaults,
    options_schema,
)
from .learning import async_judge
from .pictures import async_hold_look
from .preview import async_judgement_texts

SHOWN_BYTES: Final = 8 * 1024 * 1024
"""Largest picture that is shown again: it is kept in memory for that, and stills of cameras have a quarter of it."""

REFUSALS: Final[Mapping[Code, OptionsFormError]] = {
    Code.FORMAT_UNSUPPORTED: OptionsFormError.PICTURE_FORMAT,
    Code.TRUNCATED: OptionsFormError.PICTURE_CUT,
    Code.TOO_LARGE: OptionsFormError.PICTURE_TOO_LARGE,
    Code.TOO_SMALL: OptionsFormError.PICTURE_TOO_SMALL,
    Code.DECODE_TIMEOUT: OptionsFormError.PICTURE_TOO_LARGE,
}
"""Why a file is not looked at; for any other code of the gate it is no picture."""


class CameraOptionsFlow(OptionsFlow):
    """Say how strictly a camera is judged, and try it out."""

    config_entry: TimelapserConfigEntry
    _judgement: dict[str, str]
    """What was said of the last picture."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Let the user choose."""
        return self.async_show_menu(step_id="init", menu_options=["quality", "test"])

    async def async_step_quality(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the quality policy; what is left at its default is not stored, so that better defaults arrive."""
        errors: dict[str, str] = {}
        suggested: Mapping[str, Any] = {**option_defaults(), **self.config_entry.options}
        if user_input is not None:
            options, errors = judge_options(user_input)
            if not errors:
                return self.async_create_entry(data=options)
            suggested = user_input
        return self.async_show_form(
            step_id="quality",
            data_schema=self.add_suggested_values_to_schema(options_schema(), suggested),
            errors=errors,
            description_placeholders={key: rule.text for key, rule in OPTION_RULES.items()},
        )

    async def async_step_test(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take a picture and judge it; nothing of it is kept, counted or learned."""
        code = ""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                data = await self.hass.async_add_executor_job(self._take_upload, user_input[CONF_PICTURE])
                found = await async_judge(self._coordinator, data)
            except ValueError, OSError:
                errors[CONF_PICTURE] = OptionsFormError.UPLOAD_GONE
            except ServiceValidationError:
                errors["base"] = OptionsFormError.NOT_LOADED
            except ImageError as err:
                code = err.code
                errors[CONF_PICTURE] = REFUSALS.get(err.code, OptionsFormError.NOT_A_PICTURE)
            else:
                self._judgement = await self._async_texts(data, found)
                return await self.async_step_tested()
        return self.async_show_form(
            step_id="test", data_schema=UPLOAD_SCHEMA, errors=errors, description_placeholders={"code": code}
        )

    @property
    def _coordinator(self) -> CameraCoordinator:
        """Return the camera, which has to be loaded."""
        if self.config_entry.state is not ConfigEntryState.LOADED:
            raise not_loaded(self.config_entry.title)
        return self.config_entry.runtime_data

    def _take_upload(self, file_id: str) -> bytes:
        """Return what was uploaded, as far as the gate reads, and remove it (executor)."""
        with process_uploaded_file(self.hass, file_id) as path, path.open("rb") as file:
            return file.read(MAX_BYTES + 1)

    async def _async_texts(self, data: bytes, found: Evaluation) -> dict[str, str]:
        """Return what is said of a picture, which is kept for a while to be shown."""
        look = None
        if len(data) <= SHOWN_BYTES:
            look = async_hold_look(self.hass, self.config_entry.data[CONF_CAMERA], data, found.content_type)
        return await async_judgement_texts(self.hass, self.config_entry.title, found, look)

    async def async_step_tested(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the picture with all that was found, and what one may do next."""
        return self.async_show_menu(
            step_id="tested", menu_options=["test", "quality"], description_placeholders=self._judgement
        )
