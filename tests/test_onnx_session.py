from __future__ import annotations

import onnxruntime
import pytest

from facelattice.exceptions import ArgumentError
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.onnx_session import PROVIDERS, find_provider, num_usable_cpus, session_options, set_num_threads


def test_number_of_threads_of_a_session():
    assert session_options().intra_op_num_threads == min(num_usable_cpus(), 8)
    assert session_options(3).intra_op_num_threads == 3


def test_set_num_threads():
    set_num_threads(1)
    assert session_options().intra_op_num_threads == 1
    assert session_options(2).intra_op_num_threads == 2


def test_threads_stop_spinning_after_a_run():
    assert session_options().get_session_config_entry("session.force_spinning_stop") == "1"


def test_cpu_provider_is_installed():
    assert find_provider("cpu") in onnxruntime.get_available_providers()
    Model(find_model(None), provider="cpu")


@pytest.mark.parametrize("name", sorted(set(PROVIDERS) - {"cpu"}))
def test_provider_that_is_not_installed_is_rejected_with_its_package(name):
    provider, package = PROVIDERS[name]
    if provider in onnxruntime.get_available_providers():
        pytest.skip(f"{name} is installed here")
    with pytest.raises(ArgumentError, match=f"no provider '{name}'; uninstall onnxruntime and install {package}"):
        find_provider(name)


def test_unknown_provider_is_rejected():
    with pytest.raises(ArgumentError, match="unknown provider 'gpu'; available: cpu, cuda, openvino, coreml"):
        Model(find_model(None), provider="gpu")
