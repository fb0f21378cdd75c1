"""Numbers that tests and comments cite lead somewhere: to docs/rules.md or the examples."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RULES = ROOT / "docs" / "rules.md"
EXAMPLES = ROOT / "docs" / "worked-examples.md"
SOURCES = sorted([*(ROOT / "tests").glob("*.py"), *(ROOT / "rust").glob("*/src/**/*.rs")])

#: "rule 7.2", "rules 4.1 to 4.4", and single invariants, theorems, promises and the like.
RULE = re.compile(r"\b[Rr]ules? (\d+(?:\.\d+)?)(?: (?:to|and) (\d+(?:\.\d+)?))?")
NUMBERED = re.compile(r"\b([ITGPN][1-9]|I1\d|P1[0-2])\b")
EXAMPLE = re.compile(r"\bE(\d\d)\b|_e(\d\d)_")


@pytest.fixture(scope="module")
def numbers():
    """What stands in the first column of a table, and the numbers of sections."""
    rules = RULES.read_text("utf-8")
    rows = re.findall(r"^\| ([\w.]+) \|", rules, re.M)
    return set(rows) | set(re.findall(r"^## (\w+)\.", rules, re.M))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_number_that_is_cited_is_in_the_docs(source, numbers):
    text = source.read_text("utf-8")
    cited = {number for pair in RULE.findall(text) for number in pair if number}
    cited |= set(NUMBERED.findall(text))
    assert cited <= numbers, cited - numbers
    examples = set(re.findall(r"^\| E(\d\d) \|", EXAMPLES.read_text("utf-8"), re.M))
    cited = {a or b for a, b in EXAMPLE.findall(text)}
    assert cited <= examples, cited - examples


def test_every_worked_example_has_its_test():
    files = sorted((ROOT / "tests").glob("test_worked_examples*.py"))
    tests = "".join(path.read_text("utf-8") for path in files)
    listed = set(re.findall(r"^\| E(\d\d) \|", EXAMPLES.read_text("utf-8"), re.M))
    assert listed == set(re.findall(r"_e(\d\d)(?=_)", tests))


def test_every_invariant_theorem_and_false_statement_is_cited_by_a_test(numbers):
    files = ("test_invariants.py", "test_invariants_extended.py")
    text = "".join((ROOT / "tests" / name).read_text("utf-8") for name in files)
    for number in numbers:
        if re.fullmatch(r"[ITN]\d+", number):
            assert re.search(rf"\b{number}\b|_{number.lower()}_", text), number
