"""How many threads networks take."""

from __future__ import annotations

from facelattice.onnx_session import num_usable_cpus, session_options, set_num_threads


def test_a_session_takes_all_processors_or_what_it_is_told():
    assert session_options().intra_op_num_threads == min(num_usable_cpus(), 8)
    assert session_options(3).intra_op_num_threads == 3


def test_a_process_keeps_to_what_it_was_told():
    set_num_threads(1)
    assert session_options().intra_op_num_threads == 1
    assert session_options(2).intra_op_num_threads == 2


def test_threads_rest_when_a_network_has_run():
    assert session_options().get_session_config_entry("session.force_spinning_stop") == "1"
