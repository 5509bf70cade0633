"""What is printed: aligned tables, the machine, and what a process has used."""

from pathlib import Path

import pytest

from benchmarks.machine import Machine, cpu_model
from benchmarks.processes import PAGE_MIB, TICKS_PER_S, Usage, usage
from benchmarks.relay import request_of
from benchmarks.tables import table


def test_a_table_is_aligned_and_markdown() -> None:
    assert table(("hop", "p50"), [["a", "1.20"], ["long", "10.00"]]).splitlines() == [
        "| hop  |   p50 |",
        "| ---- | ----: |",
        "| a    |  1.20 |",
        "| long | 10.00 |",
    ]


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headings"):
        table(("hop", "p50"), [["a"]])


def test_the_machines_line_names_what_a_figure_depends_on() -> None:
    line = Machine.now("valkey 9 appendfsync always").line()
    for word in ("cores", "Python", "valkey 9 appendfsync always", "load average"):
        assert word in line


def test_the_processor_is_named_where_the_kernel_names_it(tmp_path: Path) -> None:
    source = tmp_path / "cpuinfo"
    source.write_text("processor\t: 0\nmodel name\t: Some CPU 3000\n")
    assert cpu_model(source) == "Some CPU 3000"
    source.write_text("processor\t: 0\n")
    assert cpu_model(source)
    assert cpu_model(tmp_path / "none")


def test_usage_is_read_past_a_name_with_blanks_and_brackets(tmp_path: Path) -> None:
    folder = tmp_path / "7"
    folder.mkdir()
    before_times = "S 1 2 3 4 5 6 7 8 9 10"
    (folder / "stat").write_text(f"7 (a ) b) {before_times} {3 * TICKS_PER_S} {TICKS_PER_S} 0 0\n")
    (folder / "statm").write_text("500 256 30 1 0 9 0\n")
    assert usage(7, tmp_path) == Usage(cpu_s=4.0, rss_mib=256 * PAGE_MIB)


def test_the_share_of_a_core_is_the_time_used_over_the_time_that_passed() -> None:
    assert Usage(3.0, 0).share_since(Usage(1.0, 0), 4.0) == 50.0
    assert Usage(3.0, 0).share_since(Usage(1.0, 0), 0.0) == 0.0


def test_the_relay_tells_a_request_from_other_bytes() -> None:
    assert request_of(b"GET /fapi/v2/positionRisk?a=b HTTP/1.1\r\nHost: x\r\n") == "GET /fapi/v2/positionRisk"
    assert request_of(b"POST /fapi/v1/listenKey HTTP/1.1\r\n") == "POST /fapi/v1/listenKey"
    assert request_of(b"\x81\x7e\x00GET / HTTP/1.1\r\n") is None
