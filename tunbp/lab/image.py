"""The worker's Python modules in one file, which a guest reads at once.

A guest sees this machine's files through a mount that asks the host for each of them and for each folder on their way:
under emulation Python's search for the four hundred modules of the worker took longer than the kernel's boot. This
module is run in the guest before any other, so it imports nothing there but what Python has built in.
"""

import marshal
import sys
from types import CodeType

START = (
    "import marshal, sys; image = marshal.loads(open(sys.argv.pop(1), 'rb').read()); own = {'__name__': 'image'}; "
    "exec(image.pop('start'), own); own['install'](**image); from tunbp.lab import runner; runner.main()"
)
"""What Python runs in the guest; its arguments are the image and those of the worker."""
Module = tuple[str, CodeType, list[str] | None]
"""Where a module comes from, its code, and the folders of its submodules, if it is a package."""


def install(path: list[str], modules: dict[str, Module], extensions: dict[str, str]) -> None:
    """Let these modules be imported without a look at any file, and all others as ever.

    Parameters
    ----------
    path
        For `sys.path`.
    modules
        Python modules by name.
    extensions
        Files of the compiled ones by name.
    """
    import _frozen_importlib_external as external
    from _frozen_importlib import ModuleSpec

    class Loader(external.SourceFileLoader):
        """Knows the code of its module."""

        def get_code(self, fullname: str) -> CodeType:
            return modules[fullname][1]

    class Finder:
        """First of all finders."""

        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            if name in modules:
                origin, _, folders = modules[name]
                loader = Loader(name, origin)
                return external.spec_from_file_location(name, origin, loader=loader, submodule_search_locations=folders)
            if name in extensions:
                found = external.ExtensionFileLoader(name, extensions[name])
                return external.spec_from_file_location(name, extensions[name], loader=found)
            return None

    sys.path[:] = path
    sys.meta_path.insert(0, Finder)


def build() -> bytes:
    """An image of all modules that are imported now.

    Returns
    -------
    bytes
        What `START` reads: arguments of `install`, and this module's code.
    """
    from importlib.machinery import ExtensionFileLoader, SourceFileLoader

    modules: dict[str, Module] = {}
    extensions: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec is None or spec.name != name or spec.origin is None:
            continue
        if isinstance(spec.loader, SourceFileLoader) and (code := spec.loader.get_code(name)):
            modules[name] = (spec.origin, code, spec.submodule_search_locations)
        elif isinstance(spec.loader, ExtensionFileLoader):
            extensions[name] = spec.origin
    with open(__file__, "rb") as own:
        start = compile(own.read(), __file__, "exec")
    path = [place for place in sys.path if place]
    return marshal.dumps({"start": start, "path": path, "modules": modules, "extensions": extensions})


def main() -> None:
    """Write an image of the worker's modules to standard output, from a process that has imported nothing else."""
    import tunbp.lab.runner  # noqa: F401

    sys.stdout.buffer.write(build())


if __name__ == "__main__":
    main()
