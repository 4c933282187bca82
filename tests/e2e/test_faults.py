"""Cameras that fail in every way: what is told, what is shown, what is stored, and that it ends when they are well."""

import asyncio

import pytest

from .courses import Results
from .roles import ROLES


@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param(name, case.name, id=f"{name}-{case.name}", marks=pytest.mark.cameras(name))
        for name, role in ROLES.items()
        for case in role.cases
    ],
)
async def test_a_fault_is_noticed_and_its_end_too(courses: Results, name: str, case: str) -> None:
    await asyncio.shield(courses[name, case])
