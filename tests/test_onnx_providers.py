import onnxruntime
import pytest

from facelattice import FaceAligner
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.onnx_session import PROVIDERS, find_provider


def test_the_processor_is_always_there():
    assert find_provider("cpu") in onnxruntime.get_available_providers()
    Model(find_model(None), provider="cpu")


@pytest.mark.parametrize("name", sorted(set(PROVIDERS) - {"cpu"}))
def test_a_provider_that_is_not_installed_says_which_package_brings_it(name):
    long_name, package = PROVIDERS[name]
    if long_name in onnxruntime.get_available_providers():
        pytest.skip(f"{name} is installed here")
    with pytest.raises(ValueError, match=f"no provider '{name}': it comes with {package}"):
        FaceAligner(provider=name)


def test_an_unknown_provider_names_those_that_there_are():
    with pytest.raises(ValueError, match="unknown provider 'gpu'; known are cpu, cuda, openvino, coreml"):
        FaceAligner(provider="gpu")
