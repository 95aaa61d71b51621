"""Plain technical English with the standard words of the field, in American spelling."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *(
        path
        for folder in ("docs", "examples", "recipes", "benchmarks", "tools", "synthetic")
        for path in ROOT.glob(f"{folder}/**/*")
    ),
    *ROOT.glob("src/**/*"),
]
SUFFIXES = {".md", ".py", ".yaml", ".html", ".jinja", ".js", ".css"}
LEFT_OUT = {
    "inner_parts.py",  # contains names of files by others
}
WORDS = {
    "metaphors and private words": [
        "listens? to", "who hears", "at the door", "worn", "quick look", "turned looks?", "stays? honest",
        "being honest", "presence", "glances?", "keep_to", "unfold(s|ed)?", "tells? a face from", "says? of itself",
    ],
    "words with a standard name": ["held[- ]out", "hold[- ]out", "amid", "anchors? loss", "agreement filter"],
    "inverted or long-winded phrases": [
        "as a rule", "where there (is|are) none", "what people", "so many as", "the best so many", "it is a tie where",
        "whom", "let alone", "by now", "needless to say", "of course", "obviously", "simply", "very own",
    ],
    "British spelling": [
        "colour(s|ed|ing)?", "grey(scale)?", "(opti|nor|recog|quan|vis|ini|gene|mini|maxi)\\w*is(e|ed|es|ing|ation)",
        "licences?", "neighbours?", "centres?", "behaviours?", "artefacts?", "favours?", "analyse[ds]?",
        "labell(ed|ing)", "modell(ed|ing)", "catalogues?", "metres?", "whilst", "amongst",
    ],
}  # fmt: skip
FORBIDDEN = {kind: re.compile(rf"(?<![\w-])({'|'.join(words)})(?![\w-])", re.I) for kind, words in WORDS.items()}
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def test_readme_is_short():
    text = re.sub(r"^\|.*$|<!--.*?-->", "", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(text.split()) < 750


def test_texts_use_plain_words():
    found = []
    for page in PAGES:
        if page.suffix not in SUFFIXES or page.name in LEFT_OUT or "api.md" in page.name:
            continue
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".md":
            text = CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        for number, line in enumerate(text.splitlines(), 1):
            for kind, words in FORBIDDEN.items():
                found += [f"{page.relative_to(ROOT)}:{number}: {match[0]!r} ({kind})" for match in words.finditer(line)]
    assert not found, "\n".join(found)
