"""Every fault in ``bad/`` is told in exactly the words beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workers.errors import Misconfigured

BAD = Path(__file__).parent / "bad"
FAULTS = sorted(path.stem for path in BAD.glob("*.yaml"))


def told(load: Callable[..., object], file: Path, fault: str) -> tuple[str, Misconfigured]:
    with pytest.raises(Misconfigured) as caught:
        load((BAD / f"{fault}.yaml").read_bytes())
    return str(caught.value).replace(str(file.parent), "<folder>"), caught.value


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_is_told_in_the_words_beside_it(
    load: Callable[..., object], file: Path, fault: str
) -> None:
    said, _ = told(load, file, fault)
    assert said + "\n" == (BAD / f"{fault}.expected.txt").read_text()


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in ("many-mistakes", "alias-bomb")])
def test_one_fault_is_one_mistake_that_no_other_follows(
    load: Callable[..., object], file: Path, fault: str
) -> None:
    _, error = told(load, file, fault)
    assert len(error.mistakes) == 1


def test_many_faults_are_told_at_once_in_the_order_of_their_lines(
    load: Callable[..., object], file: Path
) -> None:
    _, error = told(load, file, "many-mistakes")
    lines = [mistake.line for mistake in error.mistakes]
    assert lines == sorted(lines)
    assert len(lines) >= 15


def test_no_mistake_shows_a_secret(load: Callable[..., object], file: Path) -> None:
    for fault in ("secret-in-a-mistake", "secret-in-base-url"):
        said, error = told(load, file, fault)
        for secret in ("s3cr", "correct horse battery"):
            assert secret not in said
            assert secret not in repr(error)
            assert secret not in repr(error.mistakes)


def test_every_bad_file_has_its_words_and_all_words_have_their_file() -> None:
    assert sorted(path.name.removesuffix(".expected.txt") for path in BAD.glob("*.expected.txt")) == FAULTS
    assert len(FAULTS) >= 35
