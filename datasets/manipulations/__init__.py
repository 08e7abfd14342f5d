"""Manipulations behind one interface: a batch of pictures and seeds in, results and masks out.

`MANIPULATIONS` maps names to those that need no files of the user's; `HARMLESS` to mild changes
that a detector must not call manipulation. What other programs or networks do to pictures joins
by the functions of `foreign`.

* `base`: what every manipulation is; `regions`, `compositing`: where and how pictures are changed.
* `local`, `drawn`: edits as people make them; `inpainted`: inpainting.
* `stgan`: attributes of faces, edited by a network; `layers/`: its parts.
* `harmless`: what happens to every published picture.
"""

from datasets.inpainting import INPAINTERS
from datasets.manipulations.base import FAMILIES, Manipulated, Manipulation, PictureEdit
from datasets.manipulations.drawn import sticker, text
from datasets.manipulations.harmless import HARMLESS, harmless
from datasets.manipulations.inpainted import Inpainted
from datasets.manipulations.local import Splice, blur_region, colour, copy_move, erase, pixelate
from datasets.manipulations.stgan import WEIGHTS, STGANManipulation

__all__ = ["FAMILIES", "HARMLESS", "MANIPULATIONS", "Manipulated", "Manipulation", "harmless"]

_EDITS = {
    "copy_move": copy_move,
    "blur_region": blur_region,
    "pixelate": pixelate,
    "colour": colour,
    "text": text,
    "sticker": sticker,
    "erase": erase,
}

MANIPULATIONS: dict[str, Manipulation] = {
    "splice": Splice(),
    **{name: PictureEdit(name, "local", edit) for name, edit in _EDITS.items()},
    **{name: Inpainted(name) for name in INPAINTERS},
    **{name: STGANManipulation(name) for name in WEIGHTS.names()},
    **{
        f"{name}_{verb}": STGANManipulation(name, direction=direction, name=f"{name}_{verb}")
        for name in WEIGHTS.names()
        for verb, direction in (("add", 1), ("remove", -1))
    },
}
"""Every manipulation that is ready to use, by name."""
