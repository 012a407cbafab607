"""A network's class out of the code in its own folder, which is run for one reason alone: it was asked for.

An index or a configuration names the code in one of three ways, all of them diffusers' own:

    model_index.json   "unet": ["own", "Own"]               FOLDER/unet/own.py
    config.json        "auto_map": {"AutoModel": "own.Own"}      own.py beside it
    config.json        "_class_name": ["own", "Own"]             own.py beside it

The code makes the network's layers and is called with a noisy picture and its time. Whatever else a
folder holds is treated as everywhere: weights are safetensors and fit or are refused, text encoders,
autoencoder and scheduler are of the classes that are known, and a pipeline's own code, which nothing
here needs, is not run.
"""

import hashlib
import importlib
import re
import sys
from dataclasses import dataclass
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

from denoscope.checkpoints.diffusers_models.library import quiet, quietly_imported
from denoscope.checkpoints.foreign.pickle_machine import shown
from denoscope.checkpoints.foreign_files import inside
from denoscope.errors import InputError

__all__ = ["OwnCode", "named_in"]

WORD = re.compile(r"[A-Za-z_]\w{0,80}")  # of a module beside the file, or of a class


@dataclass(frozen=True)
class OwnCode:
    """The class `name` of `folder`/`module`.py, a file inside `root`."""

    root: Path
    folder: Path
    module: str
    name: str

    @property
    def files(self) -> list[Path]:
        """The module and what it imports from beside it. Raises InputError where one is missing, lies
        elsewhere, or does not read."""
        main = inside(self.root, self.folder / f"{self.module}.py")
        dynamic: Any = quietly_imported("diffusers.utils.dynamic_modules_utils", str(main))
        try:
            found = [main, *map(Path, dynamic.get_relative_import_files(str(main)))]
        except (OSError, ValueError, RecursionError) as error:
            lacking = Path(str(getattr(error, "filename", None) or main)).name
            raise InputError(
                f"{main} is not whole: {shown(lacking)} does not read: fetch the folder again"
            ) from error
        return [inside(self.root, path) for path in dict.fromkeys(found)]

    def loaded(self) -> type:
        """The class, its module having been run; a line on stderr names the files first. Raises
        InputError as `files` does, and where it does not run."""
        files = self.files
        names = ", ".join(shown(str(path.relative_to(self.root))) for path in files)
        sys.stderr.write(
            f"denoscope: trust-remote-code: running {names} of {shown(str(self.root))}, which may do "
            "all that you may do here\n"
        )
        sys.stderr.flush()
        try:
            held = _Held(files)
            with quiet():
                return getattr(held.run(self.module), self.name)
        except Exception as error:  # it is their code: whatever it raises
            raise InputError(
                f"{self.folder} does not give a {self.name} ({type(error).__name__}: {shown(error)}): "
                "install what its code needs, or fetch the folder again"
            ) from error


class _Held(MetaPathFinder, SourceLoader):
    """Modules of one package of nothing but these files, as they were when they were named.

    The package is called by their content, so that two folders' own.py are two modules, and a changed
    one a third. (diffusers' loader keeps them by the file's name, and takes the first for both.)
    """

    def __init__(self, files: list[Path]) -> None:
        self.contents = {str(path): path.read_bytes() for path in files}
        total = hashlib.sha256(repr(self.contents).encode()).hexdigest()[:16]
        self.package = f"denoscope_remote_code_{total}"
        self.places = {f"{self.package}.{path.stem}": str(path) for path in files}

    def run(self, module: str) -> ModuleType:
        if self.package not in sys.modules:
            package = ModuleType(self.package)
            package.__path__ = []
            sys.modules[self.package] = package
            sys.meta_path.append(
                self
            )  # it stays: a function of theirs may import when it is called
        return importlib.import_module(f"{self.package}.{module}")

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname in self.places else None

    def get_filename(self, fullname: str) -> str:
        return self.places[fullname]

    def get_data(self, path: str) -> bytes:
        return self.contents[path]


def named_in(config: dict[str, Any], folder: Path, root: Path) -> OwnCode | None:
    """The code that a configuration names, None where it names none of its own folder's."""
    kind, places = config.get("_class_name"), config.get("auto_map")
    words: object = kind
    if isinstance(places, dict):
        words = places.get("AutoModel")
        words = words.split(".") if isinstance(words, str) else words
    if not isinstance(words, list) or len(words) != 2:
        return None
    module, name = words
    if not (isinstance(module, str) and WORD.fullmatch(module)):
        return None
    if not (isinstance(name, str) and WORD.fullmatch(name)):
        return None
    return OwnCode(root, folder, module, name)
