"""The table of last known values: newest wins, missing keeps, rows and columns are never mixed up."""

from __future__ import annotations

import folding
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.rows import stable_id
from twin.state import Layout, Table

NAN = float("nan")


def table() -> Table:
    return Table(900_000)


def write(to: Table, layout: Layout, values: list[list[float]], end: int, revision: int = 1) -> None:
    """`end` in seconds."""
    n = len(layout.rows)
    to.write(
        layout.rows,
        layout.columns,
        np.array(values).T.copy(),
        np.full(n, end * 1000),
        np.full(n, revision),
        np.zeros(n, np.bool_),
    )


def test_missing_keeps_what_was_known_and_older_does_not_take_it_back() -> None:
    one = table()
    layout = one.add_layout("E", ["a", "b"], ["x", "y"], ["E,a", "E,b"])
    write(one, layout, [[1, 2], [3, 4]], end=10)
    write(one, layout, [[NAN, 5], [6, NAN]], end=20, revision=2)
    assert one.columns["values"].tolist() == [[1, 6], [5, 4]]
    write(one, layout, [[8, 9], [9, 8]], end=15, revision=3)
    assert one.columns["values"].tolist() == [[8, 6], [5, 8]], "what the newer report is missing is filled in"
    assert one.columns["end"].tolist() == [20_000, 20_000]
    assert one.columns["revision"].tolist() == [2, 2]


def test_layouts_share_rows_of_the_same_objects_and_columns_of_the_same_counters() -> None:
    one = table()
    first = one.add_layout("E", ["a"], ["x"], ["E,a"])
    second = one.add_layout("E", ["b", "a"], ["y", "x"], ["E,b", "E,a"])
    write(one, first, [[1]], end=1)
    write(one, second, [[2, 3], [4, 5]], end=2)
    assert one.names == ["E,a", "E,b"]
    assert one.counters == ["x", "y"]
    assert one.columns["values"].tolist() == [[5, 3], [4, 2]]
    assert one.layout("E", ["a"], ["x"]) is first
    assert one.layout("E", ["b", "a"], ["y", "x"]) is second
    assert one.layout("E", ["a", "b"], ["y", "x"]) is None


def test_the_history_learns_id_name_and_class_of_every_object() -> None:
    one = table()
    layout = one.add_layout("M=1", ["", "NRCellDU=2"], ["x"], ["M=1", "M=1,NRCellDU=2"])
    assert [tuple(row) for row in one.object_rows(layout)] == [
        (stable_id("M=1"), "M=1", "M"),
        (stable_id("M=1,NRCellDU=2"), "M=1,NRCellDU=2", "NRCellDU"),
    ]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.one_of(st.none(), st.integers(0, 9))), max_size=30)
)
def test_the_table_is_what_a_dictionary_would_be(writes: list[tuple[str, int, int | None]]) -> None:
    one = table()
    layouts = {name: one.add_layout("E", [name], ["x"], [name]) for name in "ab"}
    as_of = dict.fromkeys("ab", -1)
    known: dict[str, float | None] = dict.fromkeys("ab")
    for name, at, value in writes:
        write(one, layouts[name], [[NAN if value is None else value]], end=at)
        if value is not None and at >= as_of[name]:
            as_of[name], known[name] = at, value
    assert folding.plain(one.columns["values"][0]) == tuple(known[name] for name in "ab")


def test_a_thousand_objects_keep_their_values_as_the_table_grows() -> None:
    one = table()
    for k in range(1000):
        write(one, one.add_layout(f"E{k}", ["a"], [f"c{k % 7}"], [f"E{k},a"]), [[float(k)]], end=1)
    values = one.columns["values"]
    assert values.shape == (7, 1000)
    assert all(values[k % 7, k] == k for k in range(1000))
    assert int(np.isnan(values).sum()) == 6000
