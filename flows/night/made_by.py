"""What a run went by besides facts: every text that decides, kept once by digest."""

from pathlib import Path

from flows.money.funds import PROFILE_FOLDER, without_anchors
from flows.program import deciding_texts
from flows.store import Home, inputs_path, replace_file
from transforms.digest import canonical_json, content_digest


def is_of_funds(path: str) -> bool:
    """Say whether a path in a home is one of the funds' configuration."""
    folder, _, name = path.rpartition("/")
    is_profile = folder == PROFILE_FOLDER and name.endswith(".toml") and name.isprintable()
    return is_profile or path == Home(Path()).funds_path.name


def funds_texts(home: Home) -> dict[str, str]:
    """Return the funds' configuration of a home, by path in it; witnesses decide nothing."""
    profiles = sorted((home.root / PROFILE_FOLDER).glob("*.toml"))
    texts = {path.relative_to(home.root).as_posix(): path.read_text("utf-8") for path in profiles}
    if home.funds_path.is_file():
        texts[home.funds_path.name] = without_anchors(home.funds_path.read_text("utf-8"))
    return texts


def keep_inputs(home: Home) -> str:
    """Keep the texts and the configuration of a run in the home, once; return their digest."""
    inputs = {"texts": deciding_texts(), "funds": funds_texts(home)}
    digest = content_digest(inputs)
    path = inputs_path(home, digest)
    if not path.exists():
        replace_file(path, canonical_json(inputs).encode())
    return digest
