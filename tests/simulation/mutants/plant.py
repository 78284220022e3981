"""Plants a bug: replaces text of one module's source when it is imported. For a process of its own."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from tests.simulation.mutants.mutant import Mutant


def mutated(mutant: Mutant, source: str) -> str:
    """`source` with the bug in it.

    Raises:
        LookupError: the code has changed, and the catalogue must follow.
    """
    for before, after in mutant.changes:
        if source.count(before) != 1:
            raise LookupError(f"{mutant.module} has {source.count(before)} times: {before}")
        source = source.replace(before, after)
    return source


class _Loader(SourceFileLoader):
    def __init__(self, mutant: Mutant, path: str) -> None:
        super().__init__(mutant.module, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode()
        return compile(mutated(self._mutant, source), self.path, "exec")


class _Finder(MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(self._mutant, spec.origin)
        return spec


def plant(mutant: Mutant) -> None:
    """Let the product have this bug, in this process, from its first import on."""
    assert mutant.module not in sys.modules, "it was imported without the bug"
    sys.meta_path.insert(0, _Finder(mutant))
