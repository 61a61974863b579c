"""Checkpoints from anywhere: good ones load, hostile ones run nothing, damaged ones say so."""

from __future__ import annotations

import builtins
import io
import json
import os
import pickle
import pickletools
import resource
import struct
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from vidcolor.errors import UnsafeWeightsError, WeightsError
from vidcolor.models.weights.safe_load import load_checkpoint

Save = Callable[[Any, Path], None]


def save_new(value: object, path: Path) -> None:
    torch.save(value, path)


def save_old(value: object, path: Path) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


FORMATS = pytest.mark.parametrize("save", [save_new, save_old])


def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "a.weight": torch.randn(8, 3, 3, 3, generator=generator),
        "a.half": torch.randn(5, generator=generator).half(),
        "b.brain": torch.randn(5, generator=generator).bfloat16(),
        "b.count": torch.tensor(7),
        "b.empty": torch.empty(0, 4),
        "b.flag": torch.tensor([True, False]),
    }


def assert_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


# --- what loads


@FORMATS
@pytest.mark.parametrize("wrap", ["plain", "model", "twice", "with_optimizer"])
def test_state_dicts_load_from_both_formats(tmp_path: Path, save: Save, wrap: str) -> None:
    wanted = tensors()
    value: Any = {
        "plain": OrderedDict(wanted),
        "model": {"model": wanted},
        "twice": {"state_dict": {"params": wanted}},
        "with_optimizer": {"epoch": 3, "opt": {"lr": 0.1, "m": torch.ones(2)}, "model": wanted},
    }[wrap]
    path = tmp_path / "any.name"
    save(value, path)
    checkpoint = load_checkpoint(path)
    assert_same(checkpoint.state_dict, wanted)
    assert checkpoint.metadata == {}


@FORMATS
def test_modules_state_shared_storages_views_and_parameters(tmp_path: Path, save: Save) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    base = torch.arange(12.0)
    value = {
        **net.state_dict(),  # an OrderedDict with _metadata
        "transposed": base.view(3, 4).t(),
        "tail": base[6:],
        "parameter": net[0].weight,
    }
    path = tmp_path / "net.pth"
    save(value, path)
    found = load_checkpoint(path).state_dict
    assert torch.equal(found["transposed"], base.view(3, 4).t())
    assert torch.equal(found["tail"], base[6:])
    assert torch.equal(found["parameter"], net[0].weight)
    assert not found["parameter"].requires_grad
    net.load_state_dict({k: v for k, v in found.items() if k[0] in "01"}, strict=True)
    save(net.state_dict(), path)
    assert_same(load_checkpoint(path).state_dict, dict(net.state_dict()))


def test_names_of_data_parallel_are_shortened(tmp_path: Path) -> None:
    save_new({f"module.{name}": tensor for name, tensor in tensors().items()}, tmp_path / "x")
    assert_same(load_checkpoint(tmp_path / "x").state_dict, tensors())


def test_safetensors_with_metadata_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "odd.pth"
    save_file(tensors(), path, metadata={"config": "{}"})
    checkpoint = load_checkpoint(path)
    assert checkpoint.metadata == {"config": "{}"}
    found = checkpoint.state_dict
    assert_same({name: found[name] for name in tensors()}, tensors())


def test_a_name_that_is_not_utf8_is_said_to_be_at_fault(tmp_path: Path) -> None:
    plain, odd = tmp_path / "plain.safetensors", Path(os.fsdecode(bytes(tmp_path) + b"/w\xff.st"))
    save_file({"a": torch.zeros(2)}, plain)
    try:
        plain.rename(odd)
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    with pytest.raises(WeightsError, match="names in UTF-8 only; rename it"):
        load_checkpoint(odd)


def test_large_zip_is_mapped_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.pth"
    save_new({"w": torch.zeros(64 << 20, dtype=torch.uint8)}, path)
    before = status_bytes("RssAnon")
    weights = load_checkpoint(path).state_dict["w"]
    assert int(weights[::4096].sum()) == 0  # touched, so that it is really there
    # room for what torch and Python allocate besides; a copy would take 64 MB
    assert status_bytes("RssAnon") - before < 16 << 20


# --- what would run code


class Call:
    """Pickles as a call; running it would leave ``trace`` behind."""

    def __init__(self, function: Callable[..., Any], *args: object) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.call


def gadgets(trace: Path) -> dict[str, object]:
    write = f"open({str(trace)!r}, 'w')"
    return {
        "posix.system": Call(os.system, f"touch {trace}"),
        "builtins.eval": Call(builtins.eval, write),
        "builtins.exec": Call(builtins.exec, write),
        "builtins.getattr": Call(builtins.getattr, "x", "upper"),
        "torch.load": Call(torch.load, str(trace)),
        "torch.hub.load": Call(torch.hub.load, "x/y", "z"),
        "torch.storage._load_from_bytes": Call(torch.storage._load_from_bytes, b""),  # type: ignore[attr-defined]
        "torch._utils._rebuild_device_tensor": Call(
            torch._utils._rebuild_device_tensor_from_numpy, 1, 2, 3, 4
        ),
    }


GADGETS = pytest.mark.parametrize("gadget", sorted(gadgets(Path())))


def assert_refused(path: Path, trace: Path) -> None:
    with pytest.raises(UnsafeWeightsError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert "would run code" in message
    assert "not loaded" in message
    assert not trace.exists()


@GADGETS
@FORMATS
@pytest.mark.parametrize("wrapped", [True, False])
def test_hostile_checkpoints_of_both_formats(
    tmp_path: Path, save: Save, gadget: str, wrapped: bool
) -> None:
    trace, path = tmp_path / "trace", tmp_path / "evil.pth"
    evil = gadgets(trace)[gadget]
    save({"model": {**tensors(), "x": evil}} if wrapped else evil, path)
    assert_refused(path, trace)


@GADGETS
@pytest.mark.parametrize("protocol", range(6))
def test_hostile_plain_pickles_of_all_protocols(tmp_path: Path, gadget: str, protocol: int) -> None:
    trace, path = tmp_path / "trace", tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps([1, gadgets(trace)[gadget]], protocol))
    assert_refused(path, trace)


@pytest.mark.parametrize(
    "opcodes",
    [
        b"(S'touch trace'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch trace'\no.",  # OBJ
        b"cos\nsystem\n(S'touch trace'\ntR.",  # protocol 0
        b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00touch\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x05touch\x85R.",  # STACK_GLOBAL
    ],
)
def test_hand_made_pickles(tmp_path: Path, opcodes: bytes) -> None:
    pickletools.dis(opcodes, io.StringIO())  # they are what they claim to be
    (tmp_path / "evil.pth").write_bytes(opcodes)
    assert_refused(tmp_path / "evil.pth", tmp_path / "trace")


def test_hostile_members_of_zip_and_tar(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    evil = pickle.dumps(Call(os.system, f"touch {trace}"), 2)
    for name in ("archive/data.pkl", "archive/constants.pkl", "sub/model.pth"):
        with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
            archive.writestr(name, evil)
        assert_refused(tmp_path / "evil.zip", trace)
    (tmp_path / "pickle").write_bytes(evil)
    with tarfile.open(tmp_path / "evil.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(tmp_path / "pickle", "pickle")
    assert_refused(tmp_path / "evil.tar", trace)


def test_pickle_planted_into_a_good_zip(tmp_path: Path) -> None:
    """A second data.pkl: Python's reader would take one, torch's perhaps the other."""
    path, trace = tmp_path / "evil.pth", tmp_path / "trace"
    save_new(tensors(), path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("evil/DATA.PKL", pickle.dumps(Call(os.system, f"touch {trace}"), 2))
    with pytest.raises(WeightsError):
        load_checkpoint(path)
    assert not trace.exists()


def test_whole_modules_and_torchscript_are_code(tmp_path: Path) -> None:
    save_new(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    assert_refused(tmp_path / "module.pth", tmp_path / "trace")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:  # as torch.jit.save lays it out
        archive.writestr("net/data.pkl", b"\x80\x02}.")
        archive.writestr("net/code/__torch__.py", b"class Net(Module): pass")
    assert_refused(tmp_path / "script.pt", tmp_path / "trace")


# --- what is damaged, or something else


@contextmanager
def memory_limit(extra: int) -> Iterator[None]:
    """Let the process ask for ``extra`` more bytes at most: a size that lies would show."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (status_bytes("VmSize") + extra, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def status_bytes(field: str) -> int:
    """One of the memory figures that Linux gives."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("no /proc here to read the memory in use from")
    lines = status.read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) * 1024


def assert_bad(path: Path, says: str = ".") -> None:
    with pytest.raises(WeightsError, match=says) as caught:
        load_checkpoint(path)
    assert not isinstance(caught.value, UnsafeWeightsError)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "emory" not in str(caught.value)  # refused before asking for it, not after


@pytest.mark.parametrize("name", ["new", "old", "safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_truncated_files(tmp_path: Path, name: str, share: float) -> None:
    path = tmp_path / "cut.pth"
    values = {f"t{i}": torch.randn(50, 50) for i in range(20)}
    {"new": save_new, "old": save_old, "safetensors": save_file}[name](values, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert_bad(path, "is empty" if share == 0 else ".")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"colour\nis\nnot here", "not a checkpoint"),
        (bytes(4096), "not a checkpoint"),
        (os.urandom(64) * 9, "."),
        (b"PK\x05\x06" + bytes(18), "not a checkpoint of torch"),
        (b"PK\x03\x04" + bytes(100), "damaged"),
        (pickle.dumps({"a": 1}), "not a checkpoint"),
        (b"\x80\x02", "damaged"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "damaged"),
    ],
    ids=["html", "lfs", "text", "zeros", "noise", "zip0", "zip", "pickle", "stub", "magic"],
)
def test_other_things_are_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    assert_bad(tmp_path / "x.pth", says)


def test_zip_of_something_else_and_empty_checkpoint(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        archive.writestr("notes.txt", "hello")
    assert_bad(tmp_path / "notes.zip", "not a checkpoint of torch")
    save_new({"epoch": 3}, tmp_path / "e.pth")
    assert_bad(tmp_path / "e.pth", "no named tensors")
    save_new([torch.ones(2)], tmp_path / "l.pth")
    assert_bad(tmp_path / "l.pth", "holds list")


def test_folder_missing_and_pipe(tmp_path: Path) -> None:
    assert_bad(tmp_path, "is a folder")
    assert_bad(tmp_path / "none.pth", "no such file")
    os.mkfifo(tmp_path / "pipe")  # opening it would wait forever
    assert_bad(tmp_path / "pipe", "not a regular file")


def test_permission_denied(tmp_path: Path) -> None:
    path = tmp_path / "secret.pth"
    save_new(tensors(), path)
    path.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # root may read everything, "nobody" may not
    try:
        assert_bad(path, "[Pp]ermission denied")
    finally:
        if root:
            os.seteuid(0)


def lying_safetensors(entry: dict[str, Any], data: bytes = bytes(16)) -> bytes:
    header = json.dumps({"t": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], **entry}})
    return struct.pack("<Q", len(header)) + header.encode() + data


@pytest.mark.parametrize(
    "content",
    [
        lying_safetensors({"shape": [2**63, 2**63]}),
        lying_safetensors({"shape": [2**62], "data_offsets": [0, 2**64 - 1]}),
        lying_safetensors({"shape": [1 << 40], "data_offsets": [0, 1 << 42]}),
        lying_safetensors({"data_offsets": [8, 24]}),
        lying_safetensors({"data_offsets": [16, 0]}),
        lying_safetensors({"shape": [-4]}),
        lying_safetensors({"dtype": "X1"}),
        struct.pack("<Q", 2**63) + b"{}" + bytes(20),
        struct.pack("<Q", 90_000_000) + b"{}" + bytes(20),
        struct.pack("<Q", 10) + b"{" * 10,
        struct.pack("<Q", 100_000) + b'{"a":' + b"[" * 99_995,
    ],
)
def test_safetensors_that_lie(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with memory_limit(512 << 20):
        assert_bad(path)


@FORMATS
@pytest.mark.parametrize("lie", ["numel", "shape", "stride", "negative", "offset"])
def test_torch_files_that_lie_about_sizes(tmp_path: Path, save: Save, lie: str) -> None:
    """The pickled numbers 1201, 1301, 1401 are replaced by bytes of the same length."""
    path = tmp_path / "x.pth"
    storage = torch.zeros(1201 * 1301)
    tensor = torch.as_strided(storage, (1001, 901), (1101, 1), 1401)
    save({"w": tensor}, path)
    count = struct.pack("<i", 1201 * 1301)
    old, new = {
        "numel": (b"J" + count, b"J" + struct.pack("<i", 2**31 - 1)),
        "shape": (b"M" + struct.pack("<H", 1001), b"M\xff\xff"),
        "stride": (b"M" + struct.pack("<H", 1101), b"M\xff\xff"),
        "negative": (b"J" + count, b"J" + struct.pack("<i", -5)),
        "offset": (b"M" + struct.pack("<H", 1401), b"M\xff\xff"),
    }[lie]
    if lie == "offset":  # the storage is 1401 + 1000 * 1101 + 900 long at least; make it just that
        save(
            {
                "w": torch.as_strided(
                    storage[: 1401 + 1000 * 1101 + 901].clone(), (1001, 901), (1101, 1), 1401
                )
            },
            path,
        )
    whole = path.read_bytes()
    assert whole.count(old) >= 1
    if save is save_new:
        rewrite_pickle(path, lambda data: data.replace(old, new))
    else:
        path.write_bytes(whole.replace(old, new, 1))
    with memory_limit(512 << 20):
        assert_bad(path)


def rewrite_pickle(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change data.pkl inside torch's zip, checksums made right."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, change(data) if name.endswith("data.pkl") else data)


def test_bombs_and_repeated_numbers(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    save_new({"w": torch.zeros(8 << 20)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert path.stat().st_size < 1 << 20
    assert_bad(path, "compressed")
    save_new({"w": torch.zeros(1).expand(1 << 40)}, path)  # 4 TB, should anybody copy it
    assert_bad(path, "larger than its data")


@pytest.mark.parametrize(
    "opcodes",
    [
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x",  # BYTEARRAY8
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 40) + b"x",  # BINBYTES8
        b"\x80\x02r" + struct.pack("<I", 2**32 - 1),  # a memo index, 32 GB in the fast machine
        b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x",  # LONG4
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 60),  # FRAME
    ],
)
def test_pickles_that_lie_about_lengths(tmp_path: Path, opcodes: bytes) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(opcodes)
    with memory_limit(256 << 20):
        assert_bad(path)
