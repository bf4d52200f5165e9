import pandas as pd
import pytest

from psface.errors import UserError
from psface.user_tables import plain_cell, read_text, read_user_table, safe, whole
from tests.test_paths import COMPOSED, DECOMPOSED

PLAIN = "name,x\nan,1.5\n\n bo ,2\n"
SAME = {
    "plain": PLAIN.encode(),
    "byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "UTF-16 of Excel": PLAIN.replace(",", "\t").encode("utf-16"),
    "semicolons and decimal commas": PLAIN.replace(",", ";").replace("1.5", "1,5").encode(),
    "tabs and CRLF": PLAIN.replace(",", "\t").replace("\n", "\r\n").encode(),
    "sep=": b"sep=;\r\n" + PLAIN.replace(",", ";").encode(),
    "commas at the ends": PLAIN.replace("5\n", "5,\n").replace("2\n", "2,,\n").encode(),
    "commas at all ends": b"name,x,\nan,1.5,\n,,\nbo,2,\n",
    "capitals": PLAIN.replace("name", "Name").encode(),
    "quotes": b'"name","x"\n"an","1.5"\n"bo",2\n',
}


@pytest.mark.parametrize("name", SAME)
def test_one_table_as_many_programs_write_it(tmp_path, name):
    path = tmp_path / "t.csv"
    path.write_bytes(SAME[name])
    table = read_user_table(path, ("name", "x"), ())
    assert [row["name"] for row in table.rows] == ["an", "bo"]
    assert [table.number(row["x"]) for row in table.rows] == [1.5, 2.0]
    assert table.columns == ("name", "x")


WRONG = {
    "too many cells": (b"name,x\nan,1\nbo,1,2\n", r"t\.csv, line 3: 3 cells, the first line has 2"),
    "too few": (b"name,x\nan\n", r"line 2: 1 cells"),
    "decimal comma between commas": (b"name,x\nan,1,5\n", r"line 2: 3 cells"),
    "a column twice": (b"name,x,X\nan,1,2\n", "duplicate column 'x'"),
    "no name": (b"name,,x\nan,1,2\n", "a column without a name"),
    "another column": (b"who,x\nan,1\n", "no column name in its first line, `who,x`"),
    "Latin-1": ("name,x\nan,1\nJos\xe9,2\n".encode("latin-1"), "line 3: neither UTF-8"),
    "null": (b"name,x\nan,\0\n", "line 2: a null character"),
    "open quote": (b'name,x\n"an,1\n', "line 2: "),
    "empty": (b"", "no column name, x"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_clear_is_named_by_its_line(tmp_path, name):
    data, said = WRONG[name]
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(UserError, match=said) as error:
        read_user_table(path, ("name", "x"), ())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "cell", ["", "x", "1_000", "1,000.5", "0x10", "\u00b2", "inf", "nan", "1e9999"]
)
def test_what_is_not_a_number(tmp_path, cell):
    (tmp_path / "t.csv").write_text("name,x\n", encoding="utf-8")
    assert read_user_table(tmp_path / "t.csv", ("name",), ()).number(cell) is None


def test_names_come_in_one_form(tmp_path):
    (tmp_path / "t.csv").write_text(f"name\n{COMPOSED}\n{DECOMPOSED}\n", encoding="utf-8")
    rows = read_user_table(tmp_path / "t.csv", ("name",), ()).rows
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("", None), ("-1", None), ("\u00b2", None), ("\u0663", None),
     ("9" * 400, None), ("1.0", None)],
)  # fmt: skip
def test_whole_numbers(text, number):
    assert whole(text) == number


def test_no_cell_is_run_as_a_formula(tmp_path):
    cells = ["=1+1", "+1", "-2.5", "-hair", "@x", "\tx", "'=x", "''@", "an", "", "'quoted'", "2"]
    safe(pd.DataFrame({"c": cells, "n": range(len(cells))})).to_csv(tmp_path / "t.csv", index=False)
    written = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False)["c"]
    assert not any(c[:1] in "=@\t" for c in written if c)
    assert written[2] == "-2.5" and written[3] == "'-hair"
    assert [plain_cell(c) for c in written] == cells


def test_a_text_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"none\.txt: No such file"):
        read_text(tmp_path / "none.txt")
