"""What `import imsdk` offers is exactly its list, documented, and free of what a phone cannot install."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import trio

import imsdk
from imsdk.dialers import NurseryDialer

ROOT = Path(__file__).parents[2]


def test_the_list_is_sorted_and_complete() -> None:
    assert sorted(imsdk.__all__) == imsdk.__all__
    public = {
        name
        for name, value in vars(imsdk).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(imsdk.__all__)


def test_everything_in_it_is_documented_on_itself_or_its_interface() -> None:
    interfaces = (imsdk.Dialer, NurseryDialer, imsdk.Store, trio.abc.AsyncResource)
    for name in imsdk.__all__:
        value = getattr(imsdk, name)
        if not isinstance(value, type) or not value.__module__.startswith("imsdk"):
            continue
        assert value.__doc__, name
        for member, function in vars(value).items():
            if callable(function) and not member.startswith("_"):
                places = [function, *(getattr(interface, member, None) for interface in interfaces)]
                assert any(getattr(place, "__doc__", None) for place in places), f"{name}.{member}"


def test_it_works_on_the_pure_python_msgpack_and_without_compiled_packages_of_the_server() -> None:
    """As on a phone: no C extension of msgpack, no cryptography, no Pillow."""
    program = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("cryptography", "PIL", "pydantic", "aiosqlite", "msgspec", "websockets"):
            raise ImportError(f"{name} is not there")

sys.meta_path.insert(0, Missing())
import msgpack, trio
from trio.testing import MockClock
import imsdk
from imsdk.testing import Server
assert "fallback" in msgpack.Packer.__module__, msgpack.Packer

async def main():
    server = Server()
    async with imsdk.connect(
        server.url, token=server.token("alice"), dialer=server.dialer(), transfers=server.transfers()
    ) as im:
        chat = await im.conversation(with_user="bob")
        assert await (await chat.send("你好 👋")).acked() == 2
        server.drop_connections()
        server.post("bob", "alice", imsdk.Card(title="Order", buttons=(imsdk.Button(label="a", action="b"),)))
        messages = im.messages()
        assert (await anext(messages)).own
        assert isinstance((await anext(messages)).content, imsdk.Card)

trio.run(main, clock=MockClock(autojump_threshold=0))
print("done")
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={"MSGPACK_PUREPYTHON": "1", "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout == "done\n", result.stderr
