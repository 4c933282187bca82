"""One Home Assistant for the whole session, with all the cameras that its tests need."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

pytest.register_assert_rewrite("tests.e2e.courses")

from .courses import Results, run_course  # noqa: E402
from .house import Figures, House  # noqa: E402
from .roles import ROLES  # noqa: E402

FIGURES = pytest.StashKey[Figures]()
ORDER = ("actions", "clock", "restart", "stop", "freshness", "faults", "idle", "browser", "evidence")
"""Quick ones first, then those whose cameras were at work in the meantime, and last what looks at all that was left."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switches of the suite."""
    parser.addoption("--long", action="store_true", help="run the long forms of loops")
    parser.addoption("--screenshots", metavar="DIR", help="keep the pictures of the browser's screen there")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes a while to happen behind what can be done in the meantime."""
    items.sort(key=lambda item: ORDER.index(item.path.stem.removeprefix("test_")))


def _wanted(session: pytest.Session) -> list[str]:
    """Return the cameras that the tests of a session name."""
    return list(
        dict.fromkeys(name for item in session.items for mark in item.iter_markers("cameras") for name in mark.args)
    )


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Tell whether the long forms of loops are wanted."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session", autouse=True)
def early(request: pytest.FixtureRequest) -> None:
    """Begin at once with what takes a while, whichever test asks for it."""
    if _wanted(request.session):
        request.getfixturevalue("courses")


@pytest.fixture(scope="session")
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Run a Home Assistant with all the cameras that the tests of this session name."""
    house = House(tmp_path_factory.mktemp("house"))
    try:
        await house.start(_wanted(request.session))
        yield house
    finally:
        await house.stop()


@pytest.fixture(scope="session")
async def courses(request: pytest.FixtureRequest, house: House) -> AsyncIterator[Results]:
    """Break all cameras that are there to be broken at once, each of them one case after the other."""
    names = [name for name in _wanted(request.session) if ROLES[name].cases]
    results: Results = {
        (name, case.name): asyncio.get_running_loop().create_future() for name in names for case in ROLES[name].cases
    }
    tasks = [asyncio.create_task(run_course(house, name, results)) for name in names]
    yield results
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    """Return where to put what was measured, to be shown at the end."""
    return request.config.stash.setdefault(FIGURES, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    for name, values in terminalreporter.config.stash.get(FIGURES, {}).items():
        terminalreporter.write_line(f"{name}: {' '.join(f'{value:.2f}' for value in values)}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the end of the log to the report of a test that failed."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, House):
                report.sections.append((f"end of the log of the {name}", value.hass.process.log_tail(40)))
