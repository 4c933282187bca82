"""The validator: the checkout passes, and each of its rules fires when what it guards is broken."""

from collections.abc import Callable
import json
from pathlib import Path
import shutil
import struct
from typing import Any

import pytest

from scripts.validate import DOMAIN, RULES, validate
from scripts.validate.__main__ import main

ROOT = Path(__file__).parents[1]

type Mutation = Callable[[Path], None]
"""Breaks one thing in the copy of a checkout; the argument is the integration's folder."""


@pytest.fixture
def integration(tmp_path: Path) -> Path:
    """Copy what the rules look at, and return the integration's folder in the copy."""
    shutil.copytree(
        ROOT / "custom_components" / DOMAIN,
        tmp_path / "custom_components" / DOMAIN,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("hacs.json", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path / "custom_components" / DOMAIN


def edit_json(name: str, change: Callable[[Any], object]) -> Mutation:
    """Return the mutation of a JSON file."""

    def mutate(integration: Path) -> None:
        path = integration / name
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    return mutate


def set_at(name: str, path: str, value: Any) -> Mutation:
    """Return the mutation that sets a dotted key of a JSON file."""

    def change(content: Any) -> None:
        *parents, last = path.split("/")
        for parent in parents:
            content = content.setdefault(parent, {})
        content[last] = value

    return edit_json(name, change)


def drop_at(name: str, path: str) -> Mutation:
    """Return the mutation that deletes a key of a JSON file."""

    def change(content: Any) -> None:
        *parents, last = path.split("/")
        for parent in parents:
            content = content[parent]
        del content[last]

    return edit_json(name, change)


def replace(name: str, old: str, new: str) -> Mutation:
    """Return the mutation of a text file; the old text has to be there."""

    def mutate(integration: Path) -> None:
        path = integration / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return mutate


def append(name: str, text: str) -> Mutation:
    """Return the mutation that adds to a text file, or makes it."""

    def mutate(integration: Path) -> None:
        with (integration / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return mutate


def remove(name: str) -> Mutation:
    """Return the mutation that deletes a file."""
    return lambda integration: (integration / name).unlink()


def resize(name: str, width: int, height: int) -> Mutation:
    """Return the mutation that gives a PNG another size in its header."""

    def mutate(integration: Path) -> None:
        path = integration / "brand" / name
        data = bytearray(path.read_bytes())
        data[16:24] = struct.pack(">II", width, height)
        path.write_bytes(data)

    return mutate


EN = "translations/en.json"
DE = "translations/de.json"
MANIFEST = "manifest.json"
SCALE = "quality_scale.yaml"

CASES: list[tuple[str, Mutation, str]] = [
    ("manifest-keys", drop_at(MANIFEST, "issue_tracker"), "lacks issue_tracker"),
    ("manifest-keys", set_at(MANIFEST, "colour", "red"), "unknown key colour"),
    ("manifest-keys", set_at(MANIFEST, "domain", "other"), "the domain is not"),
    ("manifest-keys", set_at(MANIFEST, "config_flow", False), "config_flow is not true"),
    ("manifest-keys", set_at(MANIFEST, "integration_type", "gadget"), "integration_type gadget"),
    ("manifest-keys", set_at(MANIFEST, "iot_class", "magic"), "iot_class magic"),
    ("manifest-keys", set_at(MANIFEST, "codeowners", ["somebody"]), "codeowners"),
    ("manifest-keys", set_at(MANIFEST, "documentation", "http://example.org"), "documentation is no https"),
    ("manifest-keys", replace(MANIFEST, '"domain"', '"name": "Twice", "domain"'), "key twice: ['name']"),
    ("manifest-keys", remove(MANIFEST), "cannot be read"),
    ("manifest-order", edit_json(MANIFEST, lambda m: m.update(codeowners=m.pop("codeowners"))), "out of order"),
    ("manifest-version", set_at(MANIFEST, "version", "one"), "one is no version"),
    ("manifest-version", set_at(MANIFEST, "version", "9.9.9"), "pyproject.toml"),
    ("manifest-dependencies", set_at(MANIFEST, "dependencies", ["camera"]), "does not depend on stream"),
    ("manifest-dependencies", append("const.py", "\nfrom homeassistant.components.mqtt import x\n"), "imports mqtt"),
    (
        "manifest-dependencies",
        append("const.py", "\nfrom homeassistant.components import logbook\n"),
        "imports logbook",
    ),
    ("manifest-dependencies", append("const.py", "\nfrom homeassistant.components import zone\n"), "imports zone"),
    ("manifest-dependencies", append("const.py", "\nimport homeassistant.components.weather\n"), "imports weather"),
    ("manifest-dependencies", set_at(MANIFEST, "requirements", ["numpy==2.3.2"]), "numpy==2.3.2 is pinned"),
    ("hacs", set_at("../../hacs.json", "country", "DE"), "unknown key country"),
    ("hacs", set_at("../../hacs.json", "name", "Other"), "different names"),
    ("hacs", set_at("../../hacs.json", "homeassistant", "26.10"), "26.10, which is no version"),
    ("quality-scale", replace(SCALE, "  brands: done\n", ""), "lacks brands"),
    ("quality-scale", append(SCALE, "  shininess: done\n"), "unknown rule shininess"),
    ("quality-scale", replace(SCALE, "brands: done", "brands: nearly"), "unknown status nearly"),
    (
        "quality-scale",
        replace(SCALE, "    comment: There are no credentials; the wrapped camera's integration has them.\n", ""),
        "exempt without",
    ),
    ("quality-scale", replace(SCALE, "  diagnostics: done\n", "  diagnostics: {status: todo}\n"), "todo without"),
    ("quality-scale", replace(SCALE, "# Silver", "# Tin"), "headings"),
    ("quality-scale", append(SCALE, "\t- ]["), "no YAML"),
    ("brand", remove("brand/icon.png"), "icon.png is None"),
    ("brand", resize("icon@2x.png", 256, 256), "icon@2x.png is (256, 256)"),
    ("brand", resize("logo.png", 900, 300), "logo.png is (900, 300)"),
    ("brand", resize("dark_icon.png", 10, 10), "dark_icon.png is (10, 10)"),
    ("brand", append("brand/banner.png", "x"), "banner.png is not served"),
    ("module-length", append("const.py", "# more\n" * 500), "const.py has"),
    ("no-strings-json", append("strings.json", "{}"), "strings.json is never read"),
    ("no-key-references", set_at(DE, "config/step/user/title", "[%key:common::x%]"), "is a reference"),
    ("translation-shape", set_at(EN, "words", {"a": "b"}), "unknown section words"),
    ("translation-shape", set_at(EN, "common/Loud_Key", "x"), "no legal key"),
    ("translation-shape", set_at(DE, "common/verdict_good", ""), "empty"),
    ("translation-shape", set_at(EN, "common/verdict_good", "good "), "outer spaces"),
    ("translation-shape", set_at(EN, "common/verdict_good", "go{od"), "braces"),
    ("translation-languages", remove(DE), "de.json is missing"),
    ("translation-languages", drop_at(DE, "common/verdict_good"), "lacks common.verdict_good"),
    ("translation-languages", set_at(DE, "common/extra", "x"), "has common.extra"),
    ("translation-languages", replace(DE, "{cid}", "{id}"), "other placeholders"),
    ("data-descriptions", drop_at(EN, "config/step/user/data_description/camera"), "lacks camera"),
    ("data-descriptions", drop_at(EN, "options/step/init/title"), "no title"),
    ("data-descriptions", set_at(EN, "config/step/user", {"title": "x"}), "says nothing"),
    ("data-descriptions", drop_at(EN, "options/step"), "no steps in options"),
    (
        "data-descriptions",
        drop_at(EN, "issues/camera_degraded/fix_flow/step/init/menu_option_descriptions/pause"),
        "menu_option_descriptions lacks pause",
    ),
    ("icons", drop_at("icons.json", "entity/sensor/health"), "lacks sensor.health"),
    ("icons", drop_at("icons.json", "services/capture_now"), "lacks capture_now"),
    ("icons", set_at("icons.json", "entity/sensor/health/default", "heart"), "the icon heart"),
    ("icons", set_at("icons.json", "entity/sensor/health/state/sick", "mdi:heart"), "sensor.health.state.sick"),
    ("icons", drop_at("icons.json", "entity/sensor/health/default"), "no default icon"),
    ("triggers", drop_at(EN, "triggers/camera_degraded"), "en.json triggers lacks camera_degraded"),
    ("triggers", drop_at(EN, "triggers/camera_degraded/description"), "camera_degraded has no description"),
    ("triggers", drop_at(EN, "triggers/camera_degraded/fields/for"), "triggers.camera_degraded lacks for"),
    ("triggers", drop_at(EN, "triggers/camera_degraded/fields/for/name"), "camera_degraded.for has no name"),
    ("triggers", drop_at("icons.json", "triggers/camera_degraded/trigger"), "icons.json triggers lacks camera_degr"),
    ("triggers", replace("trigger.py", '"camera_online"', '"camera_back"'), "triggers.yaml lacks camera_back"),
    ("triggers", replace("trigger.py", "TRIGGERS:", "TABLE:"), "trigger.py has no table TRIGGERS"),
    ("triggers", append("triggers.yaml", "Camera_Late: *quality\n"), "Camera_Late is no legal key"),
    ("triggers", append("triggers.yaml", "camera_late:\n  aim: x\n"), "camera_late has the unknown key aim"),
    ("triggers", append("triggers.yaml", "camera_late:\n"), "camera_late is aimed at nothing"),
    ("triggers", replace("triggers.yaml", "  target:", "  target:\n    zone: x"), "the unknown target zone"),
    ("triggers", replace("triggers.yaml", "      domain: event", "      colour: red"), "the unknown filter colour"),
    ("triggers", replace("triggers.yaml", "      integration: timelapser\n", ""), "entities of any integration"),
    ("triggers", replace("triggers.yaml", "    required: true", "    wanted: true"), "has the unknown key wanted"),
    ("triggers", replace("triggers.yaml", "      duration:", ""), "for does not have one selector"),
    ("triggers", remove("triggers.yaml"), "cannot be read"),
    ("conditions", drop_at(EN, "conditions/is_offline"), "en.json conditions lacks is_offline"),
    ("conditions", drop_at("icons.json", "conditions/is_offline/condition"), "icons.json conditions lacks is_offl"),
    ("conditions", replace("condition.py", '"is_healthy"', '"is_fine"'), "conditions.yaml lacks is_fine"),
    ("services", drop_at(EN, "services/capture_now"), "lacks capture_now"),
    ("services", drop_at(EN, "services/capture_now/description"), "capture_now has no description"),
    ("services", append("services.yaml", "  fields:\n    hard:\n      required: true\n"), "lacks hard"),
    ("services", set_at(EN, "services/capture_now/fields", {"hard": {"name": "x"}}), "hard has no description"),
    ("entity-keys", drop_at(EN, "entity/sensor/health"), "lacks health"),
    ("entity-keys", set_at(EN, "entity/switch/power", {"name": "Power"}), "has power"),
    ("entity-keys", set_at(EN, "entity/lamp/power", {"name": "Power"}), "unknown platform lamp"),
    ("entity-states", drop_at(EN, "entity/sensor/last_fault/state/black"), "lacks black"),
    ("entity-states", set_at(EN, "entity/sensor/health/state/sick", "Sick"), "has sick"),
    ("entity-states", replace("event.py", "class CameraEvent", "class Other"), "event.py has no CameraEvent"),
    ("selector-keys", drop_at(EN, "selector/interval"), "lacks interval"),
    ("selector-keys", drop_at(EN, "selector/window/options/sun"), "lacks sun"),
    ("common-keys", drop_at(EN, "common/note_battery"), "lacks note_battery"),
    ("common-keys", set_at(EN, "common/note_moon", "Full moon."), "has note_moon"),
    ("exception-keys", drop_at(EN, "exceptions/code_tl_cam_004"), "lacks code_tl_cam_004"),
    ("exception-keys", replace(EN, "did not answer in time. Reference: {cid}", "was late."), "has the reference"),
    ("exception-keys", set_at(EN, "exceptions/sulking", {"message": "No."}), "sulking, which nothing raises"),
    ("exception-keys", drop_at(EN, "exceptions/entry_not_loaded"), "raises entry_not_loaded"),
    ("issue-keys", set_at(EN, "issues/rust", {"title": "Rust"}), "rust, which issues.py lacks"),
    ("issue-keys", append("const.py", "\nasync_create_issue()\n"), "const.py creates an issue by itself"),
    ("issue-keys", drop_at(EN, "issues/storage_full/title"), "storage_full has no title"),
    ("issue-keys", set_at(EN, "issues/camera_removed/description", "Gone."), "either a description or a fix flow"),
    ("fix-flows", drop_at(EN, "issues/camera_removed/fix_flow/step/remove"), "step lacks remove"),
    ("fix-flows", drop_at(EN, "issues/camera_degraded/fix_flow/abort/ignored"), "abort lacks ignored"),
    ("fix-flows", drop_at(EN, "issues/camera_degraded/fix_flow/step/init/menu_options/look"), "menu init lacks look"),
    ("action-names", append("services.yaml", "\ndance:\n  target:\n"), "has dance"),
    ("form-errors", drop_at(EN, "config/error/camera_required"), "lacks camera_required"),
    ("form-errors", set_at(EN, "options/error/sulking", "No."), "has sulking"),
    ("form-errors", append("const.py", '\nself.async_abort(reason="sulking")\n'), "config.abort lacks sulking"),
    ("flow-steps", drop_at(EN, "config/step/preview"), "lacks preview"),
    ("flow-steps", set_at(EN, "config_subentries/timelapse/step/moon", {"title": "x"}), "has moon"),
    ("flow-steps", drop_at(EN, "config/step/unavailable/menu_options/accept"), "menu unavailable lacks accept"),
]


@pytest.mark.parametrize("name", RULES)
def test_checkout_passes(name: str) -> None:
    assert validate(ROOT, frozenset({name})) == []


@pytest.mark.parametrize(("name", "mutate", "text"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_rule_fires(integration: Path, name: str, mutate: Mutation, text: str) -> None:
    mutate(integration)
    findings = validate(integration.parents[1], frozenset({name}))
    assert [finding for finding in findings if text in str(finding)], findings


def test_every_rule_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == set(RULES)


def test_command(integration: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    root = integration.parents[1]
    monkeypatch.setattr("sys.argv", ["validate", "--root", str(root)])
    assert main() == 0
    assert capsys.readouterr().out == f"{len(RULES)} rules, 0 findings\n"
    (integration / "strings.json").write_text("{}")
    assert main() == 1
    assert "no-strings-json: custom_components/timelapser/strings.json" in capsys.readouterr().out
