"""The scanner's short cuts: a plain row or number gives what the general way gives."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import lambdacore as lc

HEADER = b"arrival,function,duration"
AZURE = b"app,func,end_timestamp,duration"
ENDS = (b"\n", b"\r\n", b"\r", b"\n\n")
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def found(tmp_path, content, **options):
    """All that a lenient read gives, or the words of its error."""
    path = tmp_path / "trace.csv"
    path.write_bytes(content)
    try:
        trace = lc.read_trace(path, lenient=True, **options)
    except lc.TraceError as error:
        return str(error)
    columns = [getattr(trace, name).tolist() for name in ("arrival", "function", "duration")]
    return columns, trace.functions, trace.quality


def quoted(row):
    """Say the same with quotes, which no short cut takes."""
    return b",".join(b'"' + field + b'"' for field in row.split(b","))


fields = st.one_of(
    st.sampled_from([b"1", b"0.5", b"2.000000001", b"a", b"b", b"", b" ", b"1e3", b"-1", b"a/b"]),
    st.binary(max_size=12).map(lambda junk: junk.translate(None, b',"\r\n')),
)
lines = st.lists(fields, min_size=1, max_size=5).map(b",".join).filter(bool)


@given(st.sampled_from([HEADER, AZURE]), st.lists(lines, max_size=12), st.sampled_from(ENDS))
@example(HEADER, [b"1,\xef\xbb\xbf,1", b"\xef\xbb\xbf1,a,1", b"2,a,2"], b"\n")
@example(AZURE, [b"a,b/c,2,1", b"a/b,c,2,1", b"a,b,2,1", b",b,2,1", b"a,,2,1"], b"\n")
@same_folder
def test_a_row_is_the_same_with_quotes_and_without(tmp_path, header, rows, end):
    """The same columns, functions, and problems by line, column and words."""
    plain = end.join([header, *rows, b""])
    general = end.join([header, *map(quoted, rows), b""])
    assert found(tmp_path, plain) == found(tmp_path, general)


@given(st.lists(lines, max_size=12), st.lists(st.sampled_from(ENDS), min_size=13, max_size=13))
@same_folder
def test_lines_are_counted_the_same_whatever_ends_them(tmp_path, rows, ends):
    def file(how):
        return HEADER + b"".join(
            e + how(r) for e, r in zip(ends, [*rows, b"x,last,1"], strict=False)
        )

    assert found(tmp_path, file(bytes)) == found(tmp_path, file(quoted))


@pytest.mark.parametrize("size", [1, 7, 64, 1_000])
def test_rows_at_the_edge_of_the_buffer_are_whole(tmp_path, size):
    """More than one buffer of rows whose length does not divide it."""
    rows = [b"%d.%09d,%s,0.%03d" % (i, i, b"f" * (1 + i % size), i % 1_000) for i in range(9_000)]
    plain, general = (
        found(tmp_path, b"\r\n".join([HEADER, *map(how, rows)])) for how in (bytes, quoted)
    )
    assert plain == general
    assert plain[0][0] == [i * 10**9 + i for i in range(9_000)]


@pytest.mark.parametrize("limits", [{"field": 8}, {"columns": 3}, {"functions": 1}], ids=str)
def test_a_limit_is_the_same_limit(tmp_path, limits):
    """Of all limits but that of a row, to whose bytes quotes count."""
    rows = [b"1,a,1", b"1,aa,1", b"1,aaaaaaaaa,1", b"1,a,1,1", b"1,a,123456789", b"1,a,1"]
    plain, general = (
        found(tmp_path, b"\n".join([HEADER, *map(how, rows)]), limits=lc.ReadLimits(**limits))
        for how in (bytes, quoted)
    )
    assert plain == general


@given(
    st.from_regex(r"[0-9]{0,22}(\.[0-9]{0,12})?", fullmatch=True),
    st.sampled_from(["arrival", "arrival_ns"]),
)
@example("9223372036.854775807", "arrival")
@example("9223372036.854775808", "arrival")
@example("9999999999.999999999", "arrival")
@example("0000000000000000001", "arrival")
@example("00000000000000000001", "arrival")
@example("9223372036854775807", "arrival_ns")
@example("9223372036854775808", "arrival_ns")
@example("18446744073709551615", "arrival_ns")
@example("1.0", "arrival_ns")
@example(".", "arrival")
@example("1.", "arrival")
@example(".000000001", "arrival")
@same_folder
def test_a_number_is_the_same_with_an_exponent_of_nothing(tmp_path, digits, column):
    """Digits with "e0" take the general way; its errors say the same about another field."""
    results = []
    for text in (digits, f"{digits}e0"):
        result = found(tmp_path, f"{column},function,duration\n{text},a,0\n".encode())
        results.append(
            result[0]
            if result[2].clean
            else [p.reason.partition('" ')[2] for p in result[2].problems]
        )
    assert results[0] == results[1]


@given(st.lists(st.text("ab1", min_size=1, max_size=20), min_size=1, max_size=60))
@example(["prefix-8b" + "x" * i + "suffix-8b" for i in (1, 2, 3, 2, 1)])
@example([f"same-end{i}same-end" for i in range(10)] * 2)
@same_folder
def test_functions_have_the_order_in_which_they_first_occur(tmp_path, names):
    """Also where names collide in what is looked at first."""
    content = HEADER + b"".join(f"\n1,{name},1".encode() for name in names)
    (_, function, _), functions, _ = found(tmp_path, content)
    assert functions == tuple(dict.fromkeys(names))
    assert [functions[code] for code in function] == names
