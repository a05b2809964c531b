"""The example and the reference are loaded by the real kinds, and leave no key out."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from workers import channels, resources, settings, sources
from workers.errors import Misconfigured
from workers.settings import Settings, shapes, write_example

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config" / "orders.example.yaml"
PAGE = ROOT / "docs" / "config.md"
SHAPES = [
    shapes.FileShape,
    shapes.OrderShape,
    shapes.TrackingShape,
    shapes.DefaultsShape,
    shapes.AutoWatchShape,
    shapes.RecipientShape,
    shapes.WorkerShape,
    shapes.WebShape,
    shapes.KeepShape,
    shapes.QuotaShape,
]
SECRETS = {
    "SEVENTEENTRACK_TOKEN": "A1B2C3",
    "SMTP_PASSWORD": "pw",
    "SMTP_HOST": "smtp.example.org",
    "TWILIO_SID": "AC" + "0" * 32,
    "TWILIO_TOKEN": "t",
    "WEBHOOK_SECRET": "whsec_" + "A" * 44,
}


def keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def source_model(kind: str) -> type[BaseModel]:
    model: type[BaseModel] = sources.load(kind).Settings
    return model


def channel_model(kind: str) -> type[BaseModel]:
    model: type[BaseModel] = channels.load(kind).Settings
    return model


def load(file: Path, text: str) -> Settings:
    file.write_text(text)
    file.chmod(0o600)
    environ = dict.fromkeys(re.findall(r"\$\{?([A-Z_]+)", text), "A1B2C3") | SECRETS
    return settings.load(file, source_model=source_model, channel_model=channel_model, environ=environ)


def blocks(text: str) -> list[str]:
    found = re.findall(r"^```yaml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [block for block in found if block.startswith("# orders.yaml")]


def documented() -> Iterator[tuple[str, str]]:
    for page in (PAGE, ROOT / "README.md", ROOT / "docs" / "web.md"):
        if page.exists():
            for i, block in enumerate(blocks(page.read_text())):
                yield f"{page.name}-{i + 1}", block


@pytest.mark.parametrize("block", [b for _, b in documented()], ids=[name for name, _ in documented()])
def test_every_file_in_the_documentation_loads_without_a_warning(file: Path, block: str) -> None:
    warnings = load(file, block).warnings
    assert [w for w in warnings if "there is no order" not in w.message] == []


def test_the_reference_holds_files_to_load() -> None:
    assert len(blocks(PAGE.read_text())) >= 4


def test_the_example_loads_as_it_is(file: Path) -> None:
    loaded = load(file, EXAMPLE.read_text())
    assert loaded.warnings == ()
    assert [order.title for order in loaded.orders.values()] == ["Bluetooth headphones"]


def test_the_example_without_its_key_says_what_to_set(file: Path) -> None:
    file.write_text(EXAMPLE.read_text())
    with pytest.raises(Misconfigured, match=r"orders.yaml:\d+: .*SEVENTEENTRACK_TOKEN"):
        settings.load(file, source_model=source_model, channel_model=channel_model, environ={})


def without_marks(text: str) -> str:
    """Take the mark of a comment from what is a key or a list's item behind it."""
    lines = []
    for line in text.splitlines():
        option = re.match(r"^( *)# ( *(?:- )?(?:\{|[a-z_]+:(?: |$)| *- [A-Z{]).*)$", line)
        lines.append(f"{option[1]}{option[2]}" if option else line)
    return "\n".join(lines) + "\n"


def test_everything_the_example_only_mentions_loads_too(file: Path) -> None:
    text = without_marks(EXAMPLE.read_text())
    text = re.sub(r"^ +token_file:.*\n|^templates:.*\n", "", text, flags=re.MULTILINE)
    loaded = load(file, text)
    assert [w.message for w in loaded.warnings] == []
    assert set(loaded.channels) == {"mail", "text", "hook"}
    assert set(loaded.sources) == {"track", "mails", "cainiao"}
    assert [parcel.number for parcel in loaded.orders["desk-lamp"].parcels] == [
        "RR123456785CN",
        "LX987654326NL",
    ]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_key_stands_in_the_example_and_in_the_reference(shape: type[BaseModel]) -> None:
    example, page = EXAMPLE.read_text(), PAGE.read_text()
    for key in keys(shape):
        assert re.search(rf"(?:^|[ {{#]){key}:", example, flags=re.MULTILINE), f"{key} is not in the example"
        assert f"`{key}`" in page, f"{key} is not in docs/config.md"


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^### `kind: ([a-z0-9_]+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("kind", [*sources.kinds(), *channels.kinds()])
def test_every_option_of_every_kind_stands_in_the_reference(kind: str) -> None:
    model = source_model(kind) if kind in sources.kinds() else channel_model(kind)
    section = sections(PAGE.read_text()).get(kind)
    assert section is not None, f"docs/config.md has no section for kind: {kind}"
    assert [key for key in keys(model) if f"`{key}`" not in section] == []


def test_the_example_is_yaml_for_other_readers_too() -> None:
    assert set(yaml.safe_load(EXAMPLE.read_text())) == {"sources", "recipients", "defaults", "orders"}


def test_the_written_example_is_the_shipped_one_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "orders.yaml"
    write_example(path)
    assert path.read_bytes() == (resources.shipped("config") / "orders.example.yaml").read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_example_never_overwrites_a_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text("mine\n")
    with pytest.raises(Misconfigured, match="there is a file already"):
        write_example(path)
    assert path.read_text() == "mine\n"
