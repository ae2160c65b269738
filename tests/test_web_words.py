"""The words of the page and the phone: complete in every language, with all plural forms."""

import json
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[1] / "viewfix" / "web"
WORDS = {file.stem: json.loads(file.read_text("utf-8")) for file in sorted((WEB / "shared" / "words").glob("*.json"))}
SOURCES = [
    file
    for pattern in ("*.js", "*.html")
    for file in sorted(WEB.rglob(pattern))
    if not {"vendor", "vendor.new", "node_modules"} & set(file.relative_to(WEB).parts)
]
PLURALS = {"en": {"one", "other"}, "de": {"one", "other"}, "uk": {"one", "few", "many", "other"}}
KEY = re.compile(r"""["'`]([a-z_]+\.[a-z_]+)["'`]""")
MADE = re.compile(r"""`([a-z_]+\.[a-z_]*)\$\{""")  # a key that is composed: t(`kind.${…}`)


def forms(entry: str | dict[str, str]) -> dict[str, str]:
    return entry if isinstance(entry, dict) else {"only": entry}


def parameters(entry: str | dict[str, str]) -> set[str]:
    return {name for form in forms(entry).values() for name in re.findall(r"\{(\w+)\}", form)}


@pytest.mark.parametrize("language", sorted(PLURALS))
def test_every_language_has_the_same_words(language: str) -> None:
    assert WORDS[language].keys() == WORDS["en"].keys()
    for key, entry in WORDS[language].items():
        english = WORDS["en"][key]
        assert isinstance(entry, dict) == isinstance(english, dict), key
        assert parameters(entry) == parameters(english), key
        if isinstance(entry, dict):
            assert entry.keys() == PLURALS[language], key
        assert all(form.strip() for form in forms(entry).values()), key


def test_every_word_that_is_used_exists_and_every_word_is_used() -> None:
    text = "\n".join(file.read_text("utf-8") for file in SOURCES)
    families = {key.split(".")[0] for key in WORDS["en"]}
    asked = {key for key in KEY.findall(text) if key.split(".")[0] in families}
    made = tuple(MADE.findall(text))
    assert asked <= WORDS["en"].keys(), f"no words for {asked - WORDS['en'].keys()}"
    idle = {key for key in WORDS["en"] if key not in asked and not key.startswith(made)}
    assert not idle, f"never used: {idle}"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(WEB)))
def test_the_pages_never_read_markup_or_run_text(file: Path) -> None:
    text = file.read_text("utf-8")
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "setHTML(",
    ):
        assert forbidden not in text, f"{file.name} uses {forbidden}"
    if file.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=|<style", text), (
            "the policy of the page forbids it"
        )
