"""The texts and the code: what one names, the other has."""

import ast
from collections.abc import Iterator

from .tree import Tree, UnreadableError, called, differences, keyword, rule

CODE_PREFIX = "code_"
"""Exceptions of error codes; their keys are made from the codes."""

ENTITY_PLATFORMS = ("binary_sensor", "button", "event", "image", "select", "sensor", "switch")

FORM_ERRORS = {
    "config": (("flow_schema.py", "ConfigFormError"), ("media_root.py", "MediaRootError")),
    "options": (("flow_schema.py", "OptionsFormError"),),
    "config_subentries.timelapse": (("flow_schema.py", "TimelapseFormError"),),
}
"""The vocabularies of errors of the forms of each flow."""

FLOW_CLASSES = {
    "TimelapserConfigFlow": "config",
    "CameraOptionsFlow": "options",
    "TimelapseFlow": "config_subentries.timelapse",
}

REPAIRS = "repairs.py"
"""The module of the fix flows."""

INVISIBLE_STEPS = frozenset({"system"})
"""Steps that never show a form."""

STATES = {
    "select.sensitivity.state": ("core/models.py", "Sensitivity", ()),
    "sensor.health.state": ("core/models.py", "Health", ()),
    "sensor.last_fault.state": ("core/models.py", "FaultKind", ("none",)),
    "sensor.state.state": ("core/models.py", "Reason", ()),
    "event.camera_events.state_attributes.event_type.state": ("event.py", "CameraEvent", ()),
}
"""Translated states, with the vocabulary that they are of and what it does not hold."""

OPTIONS = {
    "decision": ("frame_actions.py", "Decision"),
    "frame_kind": ("core/models.py", "FrameKind"),
    "light": ("core/models.py", "Light"),
    "purge_kind": ("purge.py", "PurgeKind"),
    "sensitivity": ("core/models.py", "Sensitivity"),
    "strategy": ("core/models.py", "FetchStrategy"),
    "verdict": ("core/models.py", "Verdict"),
    "window": ("core/models.py", "WindowKind"),
}
"""Translated choices, with the vocabulary that they are of."""


@rule("entity-keys")
def entity_keys(tree: Tree) -> Iterator[str]:
    """Demand a name for every entity description, and an entity description for every name."""
    texts = tree.english.get("entity", {})
    for platform in ENTITY_PLATFORMS:
        keys = {
            key
            for module, call in tree.calls()
            if module == f"{platform}.py" and called(call).endswith("Description")
            if (key := keyword(call, "translation_key") or keyword(call, "key")) is not None
        }
        yield from differences(f"en.json entity.{platform}", set(texts.get(platform, {})), keys, f"{platform}.py")
    for platform in sorted(texts.keys() - set(ENTITY_PLATFORMS)):
        yield f"en.json has entities of the unknown platform {platform}"


@rule("entity-states")
def entity_states(tree: Tree) -> Iterator[str]:
    """Demand a translation of every state of a vocabulary."""
    for path, (module, name, more) in STATES.items():
        found = _at(tree.english.get("entity", {}), path)
        yield from differences(f"en.json entity.{path}", set(found), {*tree.enum(module, name), *more}, name)


@rule("selector-keys")
def selector_keys(tree: Tree) -> Iterator[str]:
    """Demand texts for all options of every translated choice of a form or an action."""
    texts = tree.english.get("selector", {})
    used = {
        key
        for _, call in tree.calls()
        if called(call) == "SelectSelectorConfig"
        if (key := keyword(call, "translation_key"))
    }
    fields = [field for action in tree.services.values() for field in ((action or {}).get("fields") or {}).values()]
    choices = [(field.get("selector") or {}).get("select") or {} for field in fields]
    used |= {choice["translation_key"] for choice in choices if "translation_key" in choice}
    yield from differences("en.json selector", set(texts), used, "the forms and actions")
    for key, (module, name) in OPTIONS.items():
        found = set(_at(texts, f"{key}.options"))
        yield from differences(f"en.json selector.{key}", found, set(tree.enum(module, name)), name)


@rule("common-keys")
def common_keys(tree: Tree) -> Iterator[str]:
    """Demand the texts that the code looks up by itself, and no others."""
    verdicts = {f"verdict_{value}" for value in tree.enum("core/models.py", "Verdict")}
    named = {text.removeprefix("common.") for text in tree.literals if text.startswith("common.")}
    expected = verdicts | {name for name in named if not name.endswith("_")}
    yield from differences("en.json common", set(tree.english.get("common", {})), expected, "the code")


@rule("exception-keys")
def exception_keys(tree: Tree) -> Iterator[str]:
    """Demand a text for every error that is raised, and a reference to the attempt in those of codes."""
    texts = tree.english.get("exceptions", {})
    codes = {
        CODE_PREFIX + code.lower().replace("-", "_")
        for code in tree.enum("core/errors.py", "Code")
        if not code.startswith("TL-SVC-")
    }
    yield from differences(
        "en.json exceptions", {key for key in texts if key.startswith(CODE_PREFIX)}, codes, "core/errors.py"
    )
    for key in sorted(codes & texts.keys()):
        message = texts[key].get("message", "")
        if not message.rpartition(". ")[2].endswith("{cid}"):
            yield f"{key} does not end with a sentence that has the reference"
    for key in sorted(texts.keys() - codes):
        if not key.startswith(CODE_PREFIX) and key not in tree.literals:
            yield f"en.json has the exception {key}, which nothing raises"
    known = texts.keys() | tree.english.get("issues", {}).keys()
    for module, call in tree.calls():
        key = keyword(call, "translation_key")
        if key is not None and _names_a_domain(call) and key not in known:
            yield f"{module} raises {key}, which en.json lacks"


@rule("issue-keys")
def issue_keys(tree: Tree) -> Iterator[str]:
    """Demand texts for every repair issue, and no others: a title, and a description or the steps of a fix flow."""
    texts = tree.english.get("issues", {})
    yield from differences("en.json issues", set(texts), set(tree.enum("issues.py", "IssueKey")), "issues.py")
    for module, call in tree.calls():
        if called(call) in ("async_create_issue", "create_issue") and module != "issues.py":
            yield f"{module} creates an issue by itself"
    flows = {key.lower(): name for key, name in _fix_flows(tree).items()}
    for key, issue in texts.items():
        if not issue.get("title"):
            yield f"the issue {key} has no title"
        if (("description" in issue), ("fix_flow" in issue)) != (key not in flows, key in flows):
            yield f"the issue {key} does not have either a description or a fix flow"


@rule("fix-flows")
def fix_flows(tree: Tree) -> Iterator[str]:
    """Demand texts for every step, way and abort of a fix flow, and no others."""
    classes = {node.name: node for node in ast.walk(tree.modules[REPAIRS]) if isinstance(node, ast.ClassDef)}
    for key, name in _fix_flows(tree).items():
        where = f"issues.{key.lower()}.fix_flow"
        steps = _at(tree.english, f"{where}.step")
        yield from differences(f"en.json {where}.step", set(steps), _shown_steps(classes[name]), name)
        calls = [node for node in ast.walk(classes[name]) if isinstance(node, ast.Call)]
        reasons = {reason for call in calls if called(call) == "async_abort" if (reason := keyword(call, "reason"))}
        yield from differences(f"en.json {where}.abort", set(_at(tree.english, f"{where}.abort")), reasons, name)
        for call in calls:
            if called(call) == "async_show_menu":
                step = keyword(call, "step_id") or ""
                found = set(_at(tree.english, f"{where}.step.{step}.menu_options"))
                yield from differences(f"en.json {where} menu {step}", found, _ways(call), name)


def _fix_flows(tree: Tree) -> dict[str, str]:
    """Return the classes of the fix flows by the names of their issues, as the table of the module has them."""
    for node in ast.walk(tree.modules[REPAIRS]):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict) and _named(node.target) == "_FLOWS":
            return {_named(key): _named(flow) for key, flow in zip(node.value.keys, node.value.values, strict=True)}
    raise UnreadableError(f"{REPAIRS} has no table of fix flows")


def _named(node: ast.AST | None) -> str:
    """Return the last part of a name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@rule("action-names")
def action_names(tree: Tree) -> Iterator[str]:
    """Demand that the actions that are described are those that are registered."""
    names = set(tree.enum("services.py", "TimelapserService"))
    yield from differences("services.yaml", set(tree.services), names, "services.py")


@rule("form-errors")
def form_errors(tree: Tree) -> Iterator[str]:
    """Demand a text for every error of a form and for every reason of an abort, and no others."""
    for flow, vocabularies in FORM_ERRORS.items():
        expected = {key for module, name in vocabularies for key in tree.enum(module, name)}
        yield from differences(f"en.json {flow}.error", set(_at(tree.english, f"{flow}.error")), expected, "the code")
    expected = {"already_configured"} | {
        key
        for module_name, call in tree.calls()
        if called(call) == "async_abort" and module_name != REPAIRS
        if (key := keyword(call, "reason"))
    }
    yield from differences("en.json config.abort", set(_at(tree.english, "config.abort")), expected, "the code")


@rule("flow-steps")
def flow_steps(tree: Tree) -> Iterator[str]:
    """Demand texts for every step that is shown and for every way of a menu, and no others."""
    nodes = [node for module in tree.modules.values() for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    for node in nodes:
        if (flow := FLOW_CLASSES.get(node.name)) is None:
            continue
        texts = _at(tree.english, f"{flow}.step")
        yield from differences(f"en.json {flow}.step", set(texts), _shown_steps(node), node.name)
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and called(call) == "async_show_menu":
                step = keyword(call, "step_id") or ""
                found = set(_at(texts, f"{step}.menu_options"))
                yield from differences(f"en.json {flow} menu {step}", found, _ways(call), node.name)


def _ways(call: ast.Call) -> set[str]:
    """Return the options of a menu."""
    return _strings(next(word.value for word in call.keywords if word.arg == "menu_options"))


def _shown_steps(flow: ast.ClassDef) -> set[str]:
    """Return the steps that a flow shows: literal ids, and those that it hands to its own helpers."""
    methods = {item.name for item in flow.body if isinstance(item, ast.AsyncFunctionDef)}
    steps = {name.removeprefix("async_step_") for name in methods if name.startswith("async_step_")} - INVISIBLE_STEPS
    return {value for node in ast.walk(flow) if isinstance(node, ast.Call) for value in _strings(node) & steps}


def _strings(node: ast.AST) -> set[str]:
    """Return the literal strings in the arguments of a call or in an expression, but not in calls inside of them."""
    if isinstance(node, ast.Call):
        parts = [*node.args, *(word.value for word in node.keywords if word.arg in ("step_id", None))]
        return {part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return {item.value for item in ast.walk(node) if isinstance(item, ast.Constant) and isinstance(item.value, str)}


def _names_a_domain(call: ast.Call) -> bool:
    """Return whether a call has a translation domain, as raised errors and issues have."""
    return any(word.arg == "translation_domain" for word in call.keywords)


def _at(texts: object, path: str) -> dict[str, object]:
    """Return what stands at a dotted path; nothing where there is nothing."""
    for part in path.split("."):
        texts = texts.get(part, {}) if isinstance(texts, dict) else {}
    return texts if isinstance(texts, dict) else {}
