import socket
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from torch import nn

from facelattice.modeling.backbone import make_backbone
from facelattice.modeling.config import SDFLConfig

SMALL = "mobilenetv3_small_050"


def backbone(name: str, pretrained_file: str | None = None, pretrained: bool = False) -> nn.Module:
    pretrained = pretrained or pretrained_file is not None
    config = SDFLConfig(backbone=name, pretrained=pretrained, pretrained_file=pretrained_file)
    return make_backbone(config, (8, 16, 32))[0]


def test_unknown_backbone_names_similar_ones():
    with pytest.raises(ValueError, match=r"no backbone 'resnet35'; similar names are .*resnet"):
        backbone("resnet35")


def test_backbone_without_the_strides_is_rejected():
    with pytest.raises(
        ValueError, match=r"'vit_tiny_patch16_224' has feature maps at strides \[16.* \[8, 16, 32\] are needed"
    ):
        backbone("vit_tiny_patch16_224")


def test_backbone_starts_with_the_weights_of_a_file(tmp_path):
    given = timm.create_model(SMALL).state_dict()
    torch.save(given, tmp_path / "weights.pth")
    weights = backbone(SMALL, pretrained_file=str(tmp_path / "weights.pth")).state_dict()
    assert all(torch.equal(tensor, given[name.removeprefix("model.")]) for name, tensor in weights.items())


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("gone.pth", lambda path: None, "no such weight file"),
        ("text.pth", lambda path: path.write_text("weights"), "not a .safetensors or .pth file of weights, or damaged"),
        ("empty.safetensors", lambda path: path.touch(), "not a .safetensors or .pth file of weights, or damaged"),
        ("list.pth", lambda path: torch.save([1], path), "not a .safetensors or .pth file of weights, or damaged"),
        (
            "other.pth",
            lambda path: torch.save({"a": torch.ones(3)}, path),
            "not the weights of mobilenetv3_small_050: .* tensors are missing, such as conv_stem.weight",
        ),
        (
            "part.pth",
            lambda path: torch.save(
                {k: v for k, v in timm.create_model(SMALL).state_dict().items() if "blocks.1" not in k}, path
            ),
            "not the weights of mobilenetv3_small_050: .* tensors are missing, such as blocks.1",
        ),
        (
            "larger.pth",
            lambda path: torch.save(timm.create_model("mobilenetv3_small_100").state_dict(), path),
            "not the weights of mobilenetv3_small_050: size mismatch",
        ),
    ],
)
def test_wrong_weight_file_is_rejected(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=f"{name}: {message}") as raised:
        backbone(SMALL, pretrained_file=str(tmp_path / name))
    assert "\n" not in str(raised.value)


@pytest.fixture
def unreachable_hub(tmp_path, monkeypatch) -> Path:
    """Let no server answer at the address of the Hub; returns the folder of its cache."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_failed_download_names_the_alternatives(unreachable_hub, caplog):
    message = (
        r"weights of mobilenetv3_small_050 cannot be downloaded \(.*refused.*\); .*pretrained=false.*FILE.*init_from="
    )
    with pytest.raises(ValueError, match=message):
        backbone(SMALL, pretrained=True)
    assert "Retrying" not in caplog.text
    assert not constants.HF_HUB_OFFLINE


def test_offline_mode_is_named(unreachable_hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"cannot be downloaded \(.*offline"):
        backbone(SMALL, pretrained=True)
    assert constants.HF_HUB_OFFLINE


def test_earlier_download_is_used_without_the_hub(unreachable_hub):
    given = timm.create_model(SMALL).state_dict()
    folder = unreachable_hub / "models--timm--mobilenetv3_small_050.lamb_in1k"
    (folder / "snapshots" / "0").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0")
    save_file(given, folder / "snapshots" / "0" / "model.safetensors")
    weights = backbone(SMALL, pretrained=True).state_dict()
    assert all(torch.equal(tensor, given[name.removeprefix("model.")]) for name, tensor in weights.items())
